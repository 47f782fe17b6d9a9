using System.Diagnostics;
using System.Runtime.InteropServices;
using StreamDiff.CommandLine;
using StreamDiff.Testing;

namespace StreamDiff.Cli.Tests;

/// <summary>Runs the built command as a user would, in an environment of its own. Whatever happens, no stack trace may be seen.</summary>
/// <param name="program">Another command than <c>streamdiff</c>.</param>
internal sealed partial class Streamdiff(string program = "streamdiff") : IDisposable
{
    // Only for a command that hangs: a busy machine makes everything many times slower.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private const string Signals = "HUP,INT,QUIT,TERM";

    public TempFolder Folder { get; } = new();

    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>Starts the command as a caller does that ignores the signals, such as nohup or a runner of builds.</summary>
    public bool IsStartedByADeafCaller { get; set; }

    /// <summary>A finished run of the command.</summary>
    internal sealed record Outcome(int ExitCode, string Output, string Error)
    {
        public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        /// <summary>Lines that report a problem.</summary>
        public string[] Problems => [.. ErrorLines.Where(l => l.StartsWith("error: ", StringComparison.Ordinal))];
    }

    public Outcome Run(params string[] args) => Finish(Start(args));

    /// <summary>The same over ranks: those that a busy machine keeps from answering in time are asked again, as a user would.</summary>
    public Outcome RunOnRanks(params string[] args)
    {
        var outcome = Run(args);
        for (var left = 4; left > 0 && RankProcesses.WereTooSlow(outcome); left--)
            outcome = Run(args);
        return outcome;
    }

    /// <summary>
    /// A live run of a test picture that lasts as long as it says, in seconds: once more and longer where it ended before what is meant
    /// had happened, as on a busy machine. The last one counts in any case.
    /// </summary>
    public static Outcome RunLongEnough(Func<int, Outcome> run, Func<Outcome, bool> isEnough)
    {
        for (var seconds = 2; ; seconds *= 4)
            if (run(seconds) is var outcome && (isEnough(outcome) || seconds > 100))
                return outcome;
    }

    public Process Start(params string[] args) => Start(input: false, args);

    /// <summary>Starts it within a bash script, to which the command and its arguments are $0 and $@.</summary>
    public Process StartShell(string script, params string[] args) => Start("bash", input: false, ["-c", script, Command, .. args]);

    public Process Start(bool input, params string[] args) => Start(Command, input, args);

    private string Command => Path.Combine(AppContext.BaseDirectory, program);

    private Process Start(string command, bool input, string[] args)
    {
        // Ignored signals are inherited, and the tests may have been started with some of them ignored: what a signal does here must not
        // depend on that.
        string[] line = ["env", $"--default-signal={Signals}", command, .. args];
        if (IsStartedByADeafCaller)
            line = ["bash", "-c", $"trap '' {Signals.Replace(',', ' ')}; exec \"$@\"", "bash", .. line];
        var start = new ProcessStartInfo(line[0], line[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = input,
            WorkingDirectory = Folder[[]],
        };
        foreach (var name in start.Environment.Keys.Where(k =>
            k.StartsWith("STREAMDIFF_", StringComparison.Ordinal) || k.EndsWith("_proxy", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        start.Environment["XDG_DATA_HOME"] = Folder["data"];
        foreach (var (name, value) in Environment)
            start.Environment[name] = value;
        return Guarded(Process.Start(start)!);
    }

    /// <summary>
    /// Ends a process that is still there when patience is over, so that nobody waits for ever for what it never says; the lines of one
    /// that was ended come to an end.
    /// </summary>
    public static Process Guarded(Process process)
    {
        // The timer keeps it; a process that was disposed of by then was waited for.
        _ = new CancellationTokenSource(Patience).Token.Register(() =>
        {
            try
            {
                process.Kill(entireProcessTree: true);
            }
            catch (Exception e) when (e is InvalidOperationException or AggregateException or System.ComponentModel.Win32Exception)
            {
            }
        });
        return process;
    }

    public static Outcome Finish(Process process)
    {
        using var _ = process;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"streamdiff did not end: {error.Result}");
        }
        var outcome = new Outcome(process.ExitCode, output.Result, error.Result);
        Assert.DoesNotContain("   at ", outcome.Error + outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", outcome.Error + outcome.Output, StringComparison.Ordinal);
        return outcome;
    }

    public static void Signal(Process process, PosixSignal signal) =>
        Assert.Equal(0, Kill(process.Id, signal switch { PosixSignal.SIGINT => 2, PosixSignal.SIGHUP => 1, _ => 15 }));

    /// <summary>Stops the process where it stands (SIGSTOP): it can only be killed then.</summary>
    public static void Pause(Process process) => Assert.Equal(0, Kill(process.Id, 19));

    public void Dispose() => Folder.Dispose();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
