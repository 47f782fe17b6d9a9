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
    private const double Letter = 6.6;
    private const double TitleLetter = 8.6;

    private readonly string _project;
    private readonly Layering _folders;
    private readonly (double X, double Y, double Width, double Height)[] _boxes;

    /// <param name="project">Name of its folder in src.</param>
    /// <param name="uses">The map of the code.</param>
    public ProjectPanel(string project, IReadOnlyList<Use> uses)
    {
        _project = project;
        _folders = new Layering(Folders(project), uses.Select(u => (u.From, u.To)));
        _boxes = new (double, double, double, double)[_folders.Groups.Count];
        for (var pass = 0; pass < 8; pass++)
            Untangle();
        // One folder needs no box of its own.
        var rows = _boxes.Length > 1 ? _folders.Rows : [];
        var inner = rows.Select(r => r.Sum(Wide) + (r.Count - 1) * Gap).Append(project.Length * TitleLetter).Max();
        var y = Title;
        foreach (var row in rows)
        {
            var free = (inner - row.Sum(Wide)) / row.Count;
            var x = Padding + free / 2;
            foreach (var folder in row)
            {
                _boxes[folder] = (x, y, Wide(folder), Box + (Lines(folder).Length - 1) * LineHeight);
                x += Wide(folder) + free;
            }
            y += row.Max(f => _boxes[f].Height) + BetweenRows;
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
        if (_boxes.Length == 1)
            return;
        foreach (var (from, to) in _folders.Arrows)
        {
            var (a, b) = (_boxes[from], _boxes[to]);
            Line(svg, (X + a.X + a.Width / 2, Y + a.Y + a.Height), (X + b.X + b.Width / 2, Y + b.Y), "#8fa3bb", " stroke-width=\"1.3\"");
        }
        for (var folder = 0; folder < _boxes.Length; folder++)
            DrawBox(svg, folder);
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

    private double Wide(int folder) => Lines(folder).Max(l => l.Length) * Letter + 14;

    private string[] Lines(int folder) =>
        [.. _folders.Groups[folder].Select(f => f == _project ? $"{_project}/*.cs" : f[(_project.Length + 1)..])];

    private static IEnumerable<string> Folders(string project) =>
        RepositoryFiles.Sources($"src/{project}").Select(f => RepositoryFiles.Name(Path.GetDirectoryName(f)!)["src/".Length..])
            .Where(f => !f.EndsWith("/Generated", StringComparison.Ordinal)).Distinct();

    // Each folder moves to the middle of what it is joined to.
    private void Untangle()
    {
        var place = new Dictionary<int, double>();
        foreach (var row in _folders.Rows)
            Place(row);
        foreach (var row in _folders.Rows)
        {
            var sorted = row.OrderBy(Middle).ThenBy(f => _folders.Groups[f][0], StringComparer.Ordinal).ToList();
            row.Clear();
            row.AddRange(sorted);
            Place(row);
        }

        void Place(List<int> row)
        {
            for (var i = 0; i < row.Count; i++)
                place[row[i]] = (i + 0.5) / row.Count;
        }

        double Middle(int folder) => _folders.Arrows.Where(a => a.From == folder || a.To == folder)
            .Select(a => place[a.From == folder ? a.To : a.From]).DefaultIfEmpty(place[folder]).Average();
    }
}
