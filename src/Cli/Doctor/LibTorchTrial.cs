using System.Diagnostics;
using System.Text.Json;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Native;

namespace StreamDiff.Cli.Doctor;

/// <summary>
/// Tries a libtorch by a small run, in a process of its own: one that does not fit may end the process that loads it.
/// </summary>
internal static class LibTorchTrial
{
    private const string Seconds = "2";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Runs the model tiny with it, and remembers it where that works.</summary>
    /// <param name="folder">A <c>lib</c> folder.</param>
    /// <param name="device">For <c>--device</c>.</param>
    /// <returns>An exit code.</returns>
    /// <param name="cancellation">Ends the trial; then nothing is remembered.</param>
    /// <exception cref="ModelException">It does not work; nothing was remembered.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled.</exception>
    public static int RunAndRemember(string folder, string device, CancellationToken cancellation = default)
    {
        Say.Line($"trying {folder} with the model tiny");
        Console.Out.WriteLine(Run(Path.GetFullPath(folder), device, cancellation));
        LibTorchChoice.Remember(folder);
        Console.Out.WriteLine($"remembered in {LibTorchChoice.Path}: every command uses it from now on, without anything more; "
            + "'streamdiff setup cpu' goes back");
        return ExitCode.Ok;
    }

    private static string Run(string folder, string device, CancellationToken cancellation)
    {
        // Started through 'dotnet streamdiff.dll' the program itself is an argument.
        var program = Environment.ProcessPath!;
        string[] hosted = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        var start = new ProcessStartInfo(
            program, [.. hosted, "doctor", "--json", "--measure", Seconds, "--model", "tiny", "--device", device])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[LibTorch.FolderVariable] = folder;
        using var trial = Process.Start(start)!;
        // Read to their end, which comes when the trial is ended.
        var (output, error) = (
            trial.StandardOutput.ReadToEndAsync(CancellationToken.None), trial.StandardError.ReadToEndAsync(CancellationToken.None));
        using var stop = cancellation.Register(() => End(trial));
        if (!trial.WaitForExit(Patience))
        {
            trial.Kill(entireProcessTree: true);
            throw Refused("a small run did not end");
        }
        cancellation.ThrowIfCancellationRequested();
        var lines = Read(output.Result);
        var rate = lines.FirstOrDefault(l => l.Area == FrameRateChecks.Area);
        if (rate is { State: DoctorState.Ok })
            return $"{rate.Name}: {rate.Found}";
        var reason = rate ?? lines.FirstOrDefault(l => l is { Area: ComputeChecks.Area, State: DoctorState.Missing });
        throw Refused(reason is not null ? reason.Found
            : error.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault()
                ?? $"the process that loaded it ended with {trial.ExitCode}");

        ModelException Refused(string why) => new($"{folder} does not work here, nothing was remembered: {why}");
    }

    private static void End(Process trial)
    {
        try
        {
            trial.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    private static DoctorLine[] Read(string output)
    {
        try
        {
            return JsonSerializer.Deserialize<DoctorLine[]>(output, DoctorLine.Format) ?? [];
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
