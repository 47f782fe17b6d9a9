using System.Text;
using static StreamDiff.Repository.Tests.Architecture.ArchitecturePicture;

namespace StreamDiff.Repository.Tests.Architecture;

/// <summary>A project in the picture of the architecture, with its folders. Lengths are pixels.</summary>
internal sealed class ProjectPanel
{
    private const double Padding = 14;
    private const double Title = 32;
    private const double LineHeight = 16;
    private const double Box = 24;
    private const double Gap = 10;
    private const double BetweenRows = 38;
    private const double Letter = 7.1;
    private const double TitleLetter = 9.6;
    private const double Pass = 8;

    private readonly string _project;
    private readonly Layering _folders;

    // Each line by what it goes through: folders, and free places (numbers behind the folders') in the rows between.
    private readonly List<List<int>> _ways = [];
    private readonly Dictionary<int, (double X, double Y, double Width, double Height)> _boxes = [];

    /// <param name="project">Name of its folder in src.</param>
    /// <param name="uses">The map of the code.</param>
    public ProjectPanel(string project, IReadOnlyList<Use> uses)
    {
        _project = project;
        _folders = new Layering(Folders(project), uses.Select(u => (u.From, u.To)));
        // One folder needs no box of its own.
        var rows = _folders.Groups.Count > 1 ? LayOut() : [];
        var inner = rows.Select(r => r.Sum(Wide) + (r.Count - 1) * Gap).Append(project.Length * TitleLetter).Max();
        var y = Title;
        foreach (var row in rows)
        {
            var free = (inner - row.Sum(Wide)) / row.Count;
            var x = Padding + free / 2;
            var height = row.Max(High);
            foreach (var folder in row)
            {
                _boxes[folder] = (x, y, Wide(folder), IsPass(folder) ? height : High(folder));
                x += Wide(folder) + free;
            }
            y += height + BetweenRows;
        }
        (Width, Height) = (inner + 2 * Padding, rows.Count > 0 ? y - BetweenRows + Padding : Title);
    }

    public double X { get; set; }

    public double Y { get; set; }

    public double Width { get; }

    public double Height { get; }

    public void Draw(StringBuilder svg)
    {
        svg.Append(Invariant($"<rect x=\"{X:0.#}\" y=\"{Y:0.#}\" width=\"{Width:0.#}\" height=\"{Height:0.#}\" rx=\"8\" "));
        svg.Append("fill=\"#f3f6fa\" stroke=\"#b8c4d4\"/>\n");
        svg.Append(Invariant($"<text x=\"{X + Padding:0.#}\" y=\"{Y + 21:0.#}\" font-size=\"14\" font-weight=\"bold\" fill=\"#1f2d3d\">"));
        svg.Append($"{_project}</text>\n");
        foreach (var way in _ways)
            DrawWay(svg, way);
        foreach (var folder in _boxes.Keys.Where(f => !IsPass(f)).Order())
            DrawBox(svg, folder);
    }

    private void DrawWay(StringBuilder svg, List<int> way)
    {
        const string Colour = "#8fa3bb";
        foreach (var (from, to) in way.Zip(way.Skip(1)))
        {
            var (a, b) = (_boxes[from], _boxes[to]);
            var (x, y) = (X + a.X + a.Width / 2, Y + a.Y);
            if (IsPass(from))
                Line(svg, (x, y), (x, y + a.Height), Colour);
            Line(svg, (x, y + a.Height), (X + b.X + b.Width / 2, Y + b.Y), Colour);
        }
    }

    // Folders that need each other share a box, in red: it should not be there.
    private void DrawBox(StringBuilder svg, int folder)
    {
        var (x, y, width, height) = _boxes[folder];
        var colour = _folders.Groups[folder].Length > 1 ? "#c53030" : "#5a7ba6";
        svg.Append(Invariant($"<rect x=\"{X + x:0.#}\" y=\"{Y + y:0.#}\" width=\"{width:0.#}\" height=\"{height:0.#}\" rx=\"4\" "));
        svg.Append($"fill=\"#ffffff\" stroke=\"{colour}\"/>\n");
        foreach (var (line, i) in Lines(folder).Select((line, i) => (line, i)))
        {
            svg.Append(Invariant($"<text x=\"{X + x + width / 2:0.#}\" y=\"{Y + y + LineHeight * (i + 1):0.#}\" "));
            svg.Append($"text-anchor=\"middle\" fill=\"#1f2d3d\">{line}</text>\n");
        }
    }

    private bool IsPass(int folder) => folder >= _folders.Groups.Count;

    private double Wide(int folder) => IsPass(folder) ? Pass : Lines(folder).Max(l => l.Length) * Letter + 14;

    private double High(int folder) => IsPass(folder) ? 0 : Box + (Lines(folder).Length - 1) * LineHeight;

    private string[] Lines(int folder) =>
        [.. _folders.Groups[folder].Select(f => f == _project ? $"{_project}/*.cs" : f[(_project.Length + 1)..])];

    private static IEnumerable<string> Folders(string project) =>
        RepositoryFiles.Sources($"src/{project}").Select(f => RepositoryFiles.Name(Path.GetDirectoryName(f)!)["src/".Length..])
            .Where(f => !f.EndsWith("/Generated", StringComparison.Ordinal)).Distinct();

    // Lines that go past rows get free places in them, then each place moves to the middle of what it is joined to.
    private List<List<int>> LayOut()
    {
        var rows = _folders.Rows.Select(r => r.ToList()).ToList();
        var passes = _folders.Groups.Count;
        foreach (var (from, to) in _folders.Arrows)
        {
            var (first, last) = (rows.FindIndex(r => r.Contains(from)), rows.FindIndex(r => r.Contains(to)));
            var between = Enumerable.Range(passes, last - first - 1).ToList();
            foreach (var pass in between)
                rows[first + 1 + pass - passes].Add(pass);
            passes += between.Count;
            _ways.Add([from, .. between, to]);
        }
        var steps = _ways.SelectMany(w => w.Zip(w.Skip(1))).ToList();
        var joined = steps.Concat(steps.Select(s => (s.Second, s.First))).ToLookup(s => s.Item1, s => s.Item2);
        var place = rows.SelectMany(Placed).ToDictionary();
        for (var sweep = 0; sweep < 12; sweep++)
            for (var row = 0; row < rows.Count; row++)
            {
                rows[row] = [.. rows[row].OrderBy(f => joined[f].Select(j => place[j]).DefaultIfEmpty(place[f]).Average()).ThenBy(f => f)];
                foreach (var (folder, at) in Placed(rows[row]))
                    place[folder] = at;
            }
        return rows;

        static IEnumerable<(int Folder, double At)> Placed(List<int> row) => row.Select((folder, i) => (folder, (i + 0.5) / row.Count));
    }
}
