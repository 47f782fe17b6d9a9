using System.Globalization;
using System.Text;

namespace StreamDiff.Repository.Tests.Architecture;

/// <summary>
/// Draws who uses whom: the projects from the programs down, in each one its folders in the same order. Lines go down; what follows from
/// other lines is left out.
/// </summary>
internal static class ArchitecturePicture
{
    private const double Margin = 16;
    private const double Between = 44;
    private const string Ink = "#4a5568";

    /// <summary>Where the picture lies.</summary>
    public static string File { get; } = Path.Combine(RepositoryFiles.Root, "docs", "images", "architecture.svg");

    /// <summary>The picture as SVG, the same for the same uses.</summary>
    public static string Draw(IReadOnlyList<Use> uses)
    {
        var order = new Layering(RepositoryFiles.Projects, uses.Select(u => (Project(u.From), Project(u.To))));
        var panels = order.Groups.Select(g => new ProjectPanel(g[0], uses)).ToList();
        var rows = order.Rows.Select(r => r.Select(i => panels[i]).ToList()).ToList();
        var width = rows.Max(Wide) + 2 * Margin;
        var y = Margin;
        foreach (var row in rows)
        {
            var x = (width - Wide(row)) / 2;
            foreach (var panel in row)
            {
                (panel.X, panel.Y) = (x, y);
                x += panel.Width + Between;
            }
            y += row.Max(p => p.Height) + Between;
        }
        var svg = new StringBuilder();
        svg.Append(Invariant($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:0} {y:0}\" width=\"{width:0}\" "));
        svg.Append("font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n");
        svg.Append("<!-- Made from the code by scripts/architecture; do not edit. -->\n");
        svg.Append(
            "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\">");
        svg.Append($"<path d=\"M0 0 8 4 0 8z\" fill=\"{Ink}\"/></marker></defs>\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
        foreach (var (from, to) in order.Arrows)
            Arrow(svg, panels[from], panels[to]);
        foreach (var panel in panels)
            panel.Draw(svg);
        svg.Append(Invariant($"<text x=\"{width / 2:0}\" y=\"{y - 12:0}\" text-anchor=\"middle\" fill=\"{Ink}\">"));
        return svg.Append("What is above uses what is below. What follows from other lines is left out.</text>\n</svg>\n").ToString();
    }

    /// <summary>A line that leaves and arrives upright.</summary>
    public static void Line(
        StringBuilder svg, (double X, double Y) from, (double X, double Y) to, string colour, string more = " stroke-width=\"1.3\"")
    {
        var bend = (to.Y - from.Y) / 2;
        svg.Append(Invariant($"<path d=\"M{from.X:0.#} {from.Y:0.#}C{from.X:0.#} {from.Y + bend:0.#} {to.X:0.#} {to.Y - bend:0.#} "));
        svg.Append(Invariant($"{to.X:0.#} {to.Y:0.#}\" fill=\"none\" stroke=\"{colour}\"{more}/>\n"));
    }

    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static double Wide(List<ProjectPanel> row) => row.Sum(p => p.Width) + (row.Count - 1) * Between;

    private static string Project(string folder) => folder.Split('/')[0];

    // It arrives on the side that it comes from.
    private static void Arrow(StringBuilder svg, ProjectPanel from, ProjectPanel to)
    {
        var start = from.X + from.Width / 2;
        var end = Math.Clamp(start, to.X + 0.2 * to.Width, to.X + 0.8 * to.Width);
        Line(svg, (start, from.Y + from.Height), (end, to.Y), Ink, " stroke-width=\"2\" marker-end=\"url(#tip)\"");
    }
}
