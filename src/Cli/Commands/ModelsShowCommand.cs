using System.CommandLine;
using System.Globalization;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models show</c>.</summary>
internal sealed class ModelsShowCommand : Command
{
    private readonly Argument<string> _name = new("NAME")
    {
        Description = "A model of 'streamdiff models list', or the path of a model's folder.",
    };

    private readonly TableOptions _loras;

    public ModelsShowCommand()
        : base("show", "Show a model's card: what it was made for, sizes, settings and the range in which they are of use, files with "
            + "their licences, and the styles that it knows with the words that name them.")
    {
        Add(_name);
        _loras = new TableOptions(this, ["lora"], ("lora",
            "Show what this LoRA does to the model instead, layer by layer, and what of it has no effect. Several times: all of them."));
        SetAction(parse => Run(parse, new ModelCatalog().Find(parse.GetRequiredValue(_name))));
    }

    private int Run(ParseResult parse, Model model)
    {
        var given = new GivenOptions(OptionUse.Run);
        _loras.Give(parse, given);
        if (given.Problems.Count > 0)
            return Usage.Report(given.Problems.Select(p => p.Text), "models show");
        if (given.Read(new ComputeOptions()).Loras is { Count: > 0 } loras)
        {
            foreach (var line in LoraReport.ByLayer(loras, isLive: false, model))
                Console.Out.WriteLine(line);
            return ExitCode.Ok;
        }
        foreach (var line in Card(model))
            Console.Out.WriteLine(line.TrimEnd());
        return ExitCode.Ok;
    }

    private static IEnumerable<string> Card(Model model)
    {
        var (config, diffusion, cache) = (model.Config, model.Config.Diffusion, model.Config.KvCache);
        yield return $"{model.Name}: {config.Description}";
        yield return Line("folder", model.Folder);
        yield return Line("modes", string.Join(", ", config.Modes));
        yield return Line("size", $"{config.DefaultSize} by default, any other in multiples of 16");
        yield return Line("steps",
            $"1 to {Math.Min(4, diffusion.DenoisingSteps.Count)}{(diffusion.UsefulSteps is { } steps ? $", of use {steps}" : "")}");
        yield return Line(
            "noise scale",
            Text(
                $"{diffusion.NoiseScale} by default{(diffusion.UsefulNoiseScale is { } noise ? $", of use {noise}" : "")}; up to ",
                $"{diffusion.NoiseRange} less for motion"));
        yield return Line(
            "window", Text($"{cache.WindowFrames} latent frames, {cache.SinkFrames} of them sinks, sink threshold {cache.SinkThreshold}"));
        yield return Line("vae", string.Join(", ", config.Vae.Names.Select(n => n == config.Vae.Default ? $"{n} (default)" : n)));
        yield return Line(
            "transformer", $"{config.Dit.NumLayers} blocks of width {config.Dit.Dim}; prompts of up to {config.Dit.TextLen - 1} tokens");
        yield return Line("licence", string.Join(
            ", ", model.Manifest.Files.Select(f => f.License ?? $"not stated ({f.Source ?? f.Url ?? "no source"})").Distinct()));
        yield return Line("files", $"in {model.WeightsFolder}");
        foreach (var file in ModelFiles.Check(model, hash: false))
            yield return $"  {file.File.Path}  {(file.File.Size is { } size ? ByteSize.Text(size) : "size not stated")}, "
                + $"{file.File.Role}{(file.Usable ? "" : $"; {file.Problem}: {file.Remedy}")}";
        if (config.Styles is null)
        {
            yield return Line("prompts", "any description; long ones work better than short ones");
            yield break;
        }
        yield return Line(
            "prompts",
            $"{config.Styles.Known.Count} styles and nothing else, each by any of these words, also two together; other words are not "
                + "known");
        var width = config.Styles.All.Max(s => s.Name.Length);
        foreach (var style in config.Styles.Known)
            yield return $"  {style.Name.PadRight(width)}  {string.Join(", ", style.Words)}";
        if (config.Styles.Modifiers.Count > 0)
            yield return Line("beside a style", "how strongly, and in which colours, one or two (\"in blue and gold\")");
        foreach (var modifier in config.Styles.Modifiers)
            yield return $"  {modifier.Name.PadRight(width)}  {string.Join(", ", modifier.Words)}";
    }

    private static string Line(string name, string text) => $"{name,-12}  {text}";

    private static string Text(params FormattableString[] parts) => string.Concat(parts.Select(FormattableString.Invariant));
}
