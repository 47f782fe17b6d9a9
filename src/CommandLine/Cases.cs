using System.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>Steps and sizes that are varied, checked with everything else.</summary>
public static class Cases
{
    public static RestyleOptions Read(
        ModelOptions model, ParseResult parse, IReadOnlyList<int> steps, IReadOnlyList<(int Width, int Height)> sizes,
        List<string> problems, out IReadOnlyList<(int Width, int Height)> allSizes)
    {
        var options = model.Read(parse, problems,
            from s in steps.DefaultIfEmpty(2)
            from size in sizes.Select(s => ((int, int)?)s).DefaultIfEmpty(null)
            select new Func<RestyleOptions, RestyleOptions>(
                o => o with { Sampling = o.Sampling with { Steps = s }, Frame = o.Frame with { Size = size } }));
        // Rounded as a run would round them.
        allSizes = [.. sizes.Select(s => (s.Width & ~15, s.Height & ~15))];
        if (allSizes.Count == 0 && problems.Count == 0)
            allSizes = [new FrameOptions().SizeFor(new ModelCatalog().Find(options.Compute.Model))];
        return options;
    }

    /// <summary>What is measured where no sizes are named: a size itself, and about a half and a quarter of its area.</summary>
    public static IReadOnlyList<(int Width, int Height)> UsualSizes((int Width, int Height) own) =>
        [.. ((double[])[1, 0.5, 0.25]).Select(share => (Side(own.Width, share), Side(own.Height, share))).Distinct()];

    private static int Side(int side, double share) => Math.Max(64, (int)(side * Math.Sqrt(share)) & ~15);
}
