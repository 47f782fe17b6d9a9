using System.CommandLine;
using System.Globalization;
using StreamDiff.Cli.Doctor;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry.Download;
using StreamDiff.Models.Wheels;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff setup gpu</c>: finds the driver, fetches a libtorch that fits it, tries it, remembers it.</summary>
internal sealed class SetupGpuCommand : Command, ITellingCommand
{
    // The version that figures on GPUs were taken with; its wheels are there for CUDA 12.6, 12.8 and 13.0.
    private const string Torch = "2.11.0";
    private const string PublicIndex = "https://download.pytorch.org/whl/";
    private const string PipVariable = "PIP_INDEX_URL";

    // What the wheels for CUDA 13.0 and 12.6 have code for: compute capability 7.5 and later, and up to 9.0.
    private static readonly Version OldestOf13 = new(7, 5);
    private static readonly Version NewestOf126 = new(9, 0);

    private readonly Option<string[]> _index = new("--index")
    {
        HelpName = "URL",
        Description = "Package index with torch and NVIDIA's packages (PEP 503), as pip's --index-url; several times: the first that has a "
            + $"package is taken. Default: ${PipVariable}, then PyTorch's own for the driver's CUDA.",
        AllowMultipleArgumentsPerToken = false,
    };
    private readonly Option<string?> _from = new("--from")
    {
        HelpName = "DIR",
        Description = $"Take the wheels from this folder, such as one filled by 'pip download torch=={Torch}', and nothing from the "
            + "network. Default: the index.",
    };
    private readonly Option<string> _torch = new("--torch")
    {
        HelpName = "VERSION",
        Description = $"Version of torch. Default: {Torch}.",
        DefaultValueFactory = _ => Torch,
    };

    public SetupGpuCommand()
        : base("gpu", "Find the NVIDIA driver, fetch a libtorch for it (about 3 GB), try it by a small run and remember it.")
    {
        Add(_index);
        Add(_from);
        Add(_torch);
        SetAction((parse, _) => Run(parse.GetValue(_index) ?? [], parse.GetValue(_from), parse.GetRequiredValue(_torch)));
    }

    private static async Task<int> Run(string[] given, string? from, string torch)
    {
        var problems = new List<string>();
        var indexes = new List<Uri>();
        foreach (var address in given)
            if (Uri.TryCreate(address, UriKind.Absolute, out var index) && index.Scheme is "http" or "https")
                indexes.Add(index);
            else
                problems.Add($"index must be an http or https address, not {address}");
        if (from is not null && !Directory.Exists(from))
            problems.Add($"from {from} is no folder");
        if (from is not null && given.Length > 0)
            problems.Add("--from and --index exclude each other");
        if (!Version.TryParse(torch, out var version) || version < new Version(2, 10))
            problems.Add($"torch must be a version from 2.10 on, such as {Torch}, not {torch}");
        if (problems.Count > 0)
            return Usage.Report(problems, "setup gpu");

        var driver = NvidiaDriver.Find() ?? throw new ModelException(
            "there is no NVIDIA driver here (no nvidia-smi that answers, nothing in /proc/driver/nvidia): install it (apt-get install "
            + "nvidia-driver, then restart; in a container: start it with --gpus all) and run this again; without a GPU nothing need be "
            + "set up, the CPU is used");
        if (driver.Problem is { } problem)
            throw new ModelException($"the NVIDIA driver {driver.Version} does not work: {problem}; after an upgrade of it, restart");
        var variant = Variant(driver);
        Console.Out.WriteLine($"{driver.Text}: torch {torch} for {variant}");
        if (indexes.Count == 0)
            indexes = [.. Default(variant)];

        using var signals = new CancelOnSignal();
        LibTorchChoice.MakeFolder();
        var text = new Dictionary<string, FileText>(StringComparer.Ordinal);
        var lines = new ProgressLines<(FileText Text, DownloadProgress Progress)>(p => p.Text.Downloading(p.Progress));
        try
        {
            var target = Path.Combine(LibTorchChoice.Folder, $"torch-{torch}-{variant}");
            var folder = await TorchWheels.Fetch(
                target,
                new TorchWheelsOptions
                {
                    Version = torch,
                    Variant = variant,
                    Indexes = indexes,
                    Folder = from,
                    Progress = (file, progress) =>
                    {
                        if (!text.TryGetValue(file.Path, out var words))
                        {
                            text[file.Path] = words = new FileText(file);
                            Say.Line($"fetching {file.Path}{(file.Sha256 is null ? ", whose sha256 the index does not state" : "")}");
                        }
                        if (progress.Retry is not null)
                            Say.Line($"{file.Path}: {progress.Retry}, trying again");
                        else
                            lines.Report((words, progress));
                    },
                },
                signals.Token).ConfigureAwait(false);
            try
            {
                return LibTorchTrial.RunAndRemember(folder, device: "cuda", signals.Token);
            }
            catch (ModelException e)
            {
                throw new ModelException($"{e.Message}; to fetch another one, delete {target} first", e);
            }
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            Say.Line("what was fetched so far is kept; the same command goes on from there");
            return signals.ExitCodeOr(ExitCode.Failed);
        }
    }

    private static string Variant(NvidiaDriver driver)
    {
        var capabilities = driver.Cards.Select(c => c.Capability).OfType<Version>().ToList();
        var (oldest, newest) = (capabilities.Min(), capabilities.Max());
        return driver.Cuda switch
        {
            13 when oldest is null || oldest >= OldestOf13 => "cu130",
            12 or 13 when newest is not null && newest > NewestOf126 => "cu128",
            12 or 13 => "cu126",
            _ => throw new ModelException(string.Create(CultureInfo.InvariantCulture,
                $"the NVIDIA driver {driver.Version} is too old for torch, which needs 525 or newer: upgrade it (apt-get install "
                + $"nvidia-driver), restart, and run this again")),
        };
    }

    private static IEnumerable<Uri> Default(string variant)
    {
        if (Uri.TryCreate(Environment.GetEnvironmentVariable(PipVariable), UriKind.Absolute, out var own)
            && own.Scheme is "http" or "https")
            yield return own;
        yield return new Uri(PublicIndex + variant);
    }
}
