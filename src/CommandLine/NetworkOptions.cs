using System.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.CommandLine;

/// <summary>A transformer of a size, spread over devices that links join: what plans and measurements of ranks are asked about.</summary>
/// <param name="Model">The model.</param>
/// <param name="Size">Of the frames.</param>
/// <param name="Network">What its cost depends on.</param>
/// <param name="Link">Between neighbours.</param>
/// <param name="Depth">Ticks in flight; 0 for one more than ranks.</param>
public sealed record SpreadNetwork(Model Model, (int Width, int Height) Size, NetworkShape Network, LinkProfile Link, int Depth);

/// <summary>The options for it.</summary>
public sealed class NetworkOptions
{
    private readonly string _model;
    private TableOptions? _options;
    private readonly Option<double> _bandwidth = new("--link-gbps")
    {
        HelpName = "X",
        Description = "Bandwidth of the links in gigabytes per second. Default: 300 (NVLink).",
        DefaultValueFactory = _ => 300,
    };
    private readonly Option<double> _latency = new("--link-us")
    {
        HelpName = "X",
        Description = "Latency of the links in microseconds. Default: 20.",
        DefaultValueFactory = _ => 20,
    };
    private readonly Option<int> _depth = new("--depth")
    {
        HelpName = "N",
        Description = "Ticks in flight. Default: one more than ranks.",
        DefaultValueFactory = _ => 0,
    };

    /// <param name="model">The model where none is named.</param>
    public NetworkOptions(string model) => _model = model;

    public void AddTo(Command command)
    {
        _options = new TableOptions(command, ["model", "steps", "size", "window", "heads"],
            ("model", $"A model of 'streamdiff models list', or 1.3b or 14b. Default: {_model}."));
        foreach (var option in (Option[])[_bandwidth, _latency, _depth])
            command.Add(option);
    }

    /// <summary>What was asked for; null where the model or the size is not known. Adds what is wrong.</summary>
    public SpreadNetwork? Read(ParseResult parse, List<string> problems)
    {
        var given = new GivenOptions(OptionUse.Run);
        _options!.Give(parse, given);
        problems.AddRange(given.Problems.Select(p => p.Text));
        var model = Find(given.Read(new ComputeOptions { Model = _model }).Model, problems);
        var size = model is null ? default : given.Read(new FrameOptions()).SizeFor(model);
        if (size.Width % 16 != 0 || size.Height % 16 != 0)
            problems.Add($"size must be multiples of 16, not {size.Width}x{size.Height}");
        var sampling = given.Read(new SamplingOptions());
        var split = Split(given.Read(new ComputeOptions { Model = _model }), model, problems);
        var (bandwidth, latency, depth) = (parse.GetValue(_bandwidth), parse.GetValue(_latency), parse.GetValue(_depth));
        if (!(bandwidth > 0) || !(latency >= 0) || depth < 0)
            problems.Add("the link's bandwidth must be above 0, its latency and the depth not negative");
        return model is null
            ? null
            : new SpreadNetwork(
                model, size, MemoryNeed.Shape(model.Config, size, sampling, split), new LinkProfile(latency * 1e-6, bandwidth * 1e9),
                depth);
    }

    private static Model? Find(string name, List<string> problems)
    {
        try
        {
            return new ModelCatalog().Find(name.ToUpperInvariant() switch
            {
                "1.3B" => "wan2.1-t2v-1.3b-streamdiffusionv2",
                "14B" => "wan2.1-t2v-14b-streamdiffusionv2",
                _ => name,
            });
        }
        catch (ModelException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    private static HeadSplit? Split(ComputeOptions options, Model? model, List<string> problems)
    {
        try
        {
            return model is null ? null : options.SplitOf(model);
        }
        catch (ModelException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }
}
