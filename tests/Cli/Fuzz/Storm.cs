using System.Diagnostics;
using System.Globalization;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Fuzz;

/// <summary>Memory and handles of the whole process are counted: nothing else may run beside it.</summary>
[CollectionDefinition(nameof(Storm), DisableParallelization = true)]
public sealed class StormDefinition;

/// <summary>Many inputs one after the other, what each may cost, and what is left of the process afterwards.</summary>
/// <param name="kind">Name of what is damaged.</param>
/// <param name="tell">Takes the account, one line.</param>
internal sealed class Storm(string kind, Action<string> tell)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);
    private const long MostBytes = 1L << 30;

    /// <summary>Inputs of a kind: STREAMDIFF_FUZZ_COUNT, by default as many as the tests have time for.</summary>
    public static int Count(int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable("STREAMDIFF_FUZZ_COUNT"), CultureInfo.InvariantCulture, out var count) ? count
            : usual;

    private static int First =>
        int.TryParse(Environment.GetEnvironmentVariable("STREAMDIFF_FUZZ_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 0;

    /// <summary>Takes each input; what it throws must be something that a user is told in one line.</summary>
    public void Run(int count, Action<int> take)
    {
        // What is made once, for the first of all.
        _ = Problem(() => take(First));
        Settle();
        File.WriteAllText("/proc/self/clear_refs", "5");
        var (memory, handles) = (Status("VmRSS:"), Handles());
        var (refused, slowest) = (0, TimeSpan.Zero);
        for (var seed = First; seed < First + count; seed++)
        {
            var clock = Stopwatch.StartNew();
            var work = Task.Run(() => Problem(() => take(seed)));
            Assert.True(work.Wait(Longest), $"{kind} {seed} takes more than {Longest.TotalSeconds:0} s");
            slowest = clock.Elapsed > slowest ? clock.Elapsed : slowest;
            if (work.Result is not { } line)
                continue;
            refused++;
            Assert.False(line.Contains("internal error", StringComparison.Ordinal) || line.Length > 4000, $"{kind} {seed}: {line}");
        }
        var peak = Status("VmHWM:");
        Settle();
        tell(string.Create(CultureInfo.InvariantCulture,
            $"{kind}: {count} inputs, {refused} refused, {count - refused} read, the slowest {slowest.TotalMilliseconds:0} ms; "
                + $"memory {memory >> 20} MB before, {peak >> 20} at most, {Status("VmRSS:") >> 20} after; "
                + $"handles {handles} before, {Handles()} after"));
        Assert.True(peak - memory < MostBytes, $"{kind}: memory grew from {memory >> 20} to {peak >> 20} MB");
        // A few belong to the runtime and come and go.
        Assert.InRange(Handles() - handles, int.MinValue, 20);
        Assert.True(refused > 0, $"{kind}: nothing was ever refused");
    }

    private static string? Problem(Action take)
    {
        try
        {
            take();
            return null;
        }
        catch (Exception e)
        {
            return Say.OneLine(Failure.Describe(e));
        }
    }

    private static void Settle()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
    }

    private static int Handles() => Directory.GetFiles("/proc/self/fd").Length;

    private static long Status(string name)
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.AllowLeadingWhite
            | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) << 10;
    }
}
