using System.CommandLine;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff models pull</c>.</summary>
internal sealed class ModelsPullCommand : Command, ITellingCommand
{
    private readonly Argument<string> _name = new("NAME")
    {
        Description = "A model of 'streamdiff models list', or the path of a model's folder.",
    };
    private readonly Option<string[]> _hub = new("--hub")
    {
        HelpName = "URL",
        Description = "Mirror to use in place of https://huggingface.co; several times: tried in turn, which may end with the public one. "
            + $"Default: ${DownloadOptions.HubVariable}, addresses with commas between them.",
    };
    private readonly Option<string?> _from = new("--from")
    {
        HelpName = "DIR",
        Description = "Take the files from this folder instead, by path or name, and nothing from the network. Default: download.",
    };
    private readonly Option<int> _attempts = new("--attempts")
    {
        HelpName = "N",
        Description = "Tries before giving up on a file.",
        DefaultValueFactory = _ => 6,
    };

    public ModelsPullCommand()
        : base("pull", "Download a model's files: goes on where an earlier pull stopped, and checks every byte.")
    {
        Add(_name);
        Add(_hub);
        Add(_attempts);
        Add(_from);
        SetAction((parse, _) => Run(
            parse.GetRequiredValue(_name), parse.GetValue(_hub) ?? [], parse.GetValue(_attempts), parse.GetValue(_from)));
    }

    private static async Task<int> Run(string name, string[] hubs, int attempts, string? from)
    {
        if (attempts < 1)
            return Usage.Report([$"attempts must be at least 1, not {attempts}"], "models pull");
        if (Array.Find(hubs, hub => !ModelDownloader.IsHub(hub)) is { } wrong)
            return Usage.Report([$"hub must be an http or https address, not {wrong}"], "models pull");
        if (from is not null && !Directory.Exists(from))
            return Usage.Report([$"from {from} is no folder"], "models pull");
        var catalog = new ModelCatalog();
        var model = catalog.Find(name);
        using var signals = new CancelOnSignal();
        var defaults = new DownloadOptions();
        using var downloader = new ModelDownloader(defaults with { Hubs = hubs.Length > 0 ? hubs : defaults.Hubs, Attempts = attempts });
        try
        {
            var missing = ModelFiles.Check(model, read: FileText.Checking(), cancellation: signals.Token).Where(f => !f.Usable).ToList();
            if (missing.Count > 0)
                Say.Line(
                    $"{missing.Count} file{(missing.Count == 1 ? "" : "s")}, {ByteSize.Text(missing.Sum(f => f.File.Size ?? 0))}, to "
                        + $"{model.WeightsFolder}");
            var failed = 0;
            foreach (var file in missing)
                failed += await Pull(catalog, model, file.File, downloader, from, signals.Token).ConfigureAwait(false) ? 0 : 1;
            Console.Out.WriteLine(failed == 0
                ? $"{model.Name} is complete in {model.WeightsFolder}"
                : $"{failed} of {missing.Count} files of {model.Name} could not be had");
            return failed == 0 ? ExitCode.Ok : ExitCode.Failed;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            Say.Line("what was downloaded so far is kept; the same command goes on from there");
            return signals.ExitCodeOr(ExitCode.Failed);
        }
    }

    // One file that cannot be had does not keep the others away.
    private static async Task<bool> Pull(
        ModelCatalog catalog, Model model, ModelFile file, ModelDownloader downloader, string? from, CancellationToken cancellation)
    {
        try
        {
            if (from is not null)
            {
                var copy = Task.Run(() => OfflineFolder.Take(from, model, file, cancellation), cancellation);
                var verified = await copy.ConfigureAwait(false);
                Say.Line($"{file.Path}: copied{(verified ? ", sha256 verified" : "; its sha256 could not be compared with anything")}");
                return true;
            }
            if (await Task.Run(() => ModelSharing.TryLink(catalog, model, file, cancellation), cancellation).ConfigureAwait(false))
            {
                Say.Line($"{file.Path}: another model has it, linked");
                return true;
            }
            var result = Download(model, file, downloader, cancellation);
            var verdict = result.Verified ? ", sha256 verified" : $"; its sha256 {result.Sha256} could not be compared with anything";
            Say.Line($"{file.Path}: {ByteSize.Text(result.Bytes)}{verdict}");
            return true;
        }
        catch (ModelException e)
        {
            Say.Error(e.Message);
            return false;
        }
    }

    private static DownloadResult Download(Model model, ModelFile file, ModelDownloader downloader, CancellationToken cancellation)
    {
        var text = new FileText(file);
        if (LiveBar.IsPossible)
            return LiveBar.Run(draw =>
                Get(p => draw(FileText.Share(p), text.Downloading(p), p.Retry is null ? "" : $"{p.Retry}, trying again")));
        var lines = new ProgressLines<DownloadProgress>(text.Downloading);
        return Get(p =>
        {
            if (p.Retry is not null)
                Say.Line($"{file.Path}: {p.Retry}, trying again");
            else
                lines.Report(p);
        });

        DownloadResult Get(Action<DownloadProgress> report) =>
            Task.Run(() => downloader.Download(file, model.PathOf(file), new DirectProgress<DownloadProgress>(report), cancellation))
                .GetAwaiter().GetResult();
    }
}
