using System.Diagnostics;
using System.Globalization;

namespace StreamDiff.Cli.Tests;

/// <summary>Ranks as processes of their own, as a user starts them; they end with this.</summary>
internal sealed class RankProcesses(Streamdiff streamdiff) : IDisposable
{
    private readonly List<Process> _ranks = [];

    public Process this[int index] => _ranks[index];

    /// <summary>How many were started.</summary>
    public int Count => _ranks.Count;

    /// <summary>True where a run found ranks, but did not hear from them in time.</summary>
    public static bool WereTooSlow(Streamdiff.Outcome outcome) => outcome.Problems.Any(TellsOfSlowness);

    /// <summary>True for a line that says so.</summary>
    public static bool TellsOfSlowness(string line) => line.Contains("did not answer within", StringComparison.Ordinal);

    /// <summary>Starts one more and gives its address.</summary>
    public string Start(params string[] more) => StartAt("127.0.0.1:0", more);

    /// <summary>The same at an address that is known.</summary>
    public string StartAt(string address, params string[] more)
    {
        var rank = streamdiff.Start(["rank", "--listen", address, "--threads", "1", .. more]);
        _ranks.Add(rank);
        var line = rank.StandardError.ReadLine() ?? throw new InvalidOperationException("the rank ended");
        Assert.StartsWith("listening at ", line, StringComparison.Ordinal);
        // Whatever else it says must not fill the pipe.
        _ = rank.StandardError.ReadToEndAsync();
        _ = rank.StandardOutput.ReadToEndAsync();
        var port = line.Split(' ')[2].TrimEnd(':').Split(':')[^1];
        return string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");
    }

    public void Dispose()
    {
        foreach (var rank in _ranks)
        {
            if (!rank.HasExited)
                rank.Kill();
            rank.Dispose();
        }
    }
}
