using System.Globalization;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Live;

/// <summary>
/// Changes of state as lines; below them, on a terminal, one status line that is written over. In a log the status comes every ten seconds.
/// </summary>
internal sealed class LiveText : ILiveReport
{
    private const int LogEvery = 10;
    private readonly Lock _gate = new();
    private readonly bool _isTerminal = LiveBar.IsPossible;
    private int _seconds;
    private bool _hasStatusLine;

    public void Tell(LiveEvent news)
    {
        lock (_gate)
        {
            Wipe();
            Console.Error.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{RunText.Duration(news.At)} {(news.IsTrouble ? "! " : "")}{news.Part}: "
                        + $"{(news.State == news.Text ? "" : $"{news.State}: ")}{Say.OneLine(news.Text)}"));
        }
    }

    public void Report(LiveStatus value)
    {
        lock (_gate)
        {
            if (!_isTerminal)
            {
                if (_seconds++ % LogEvery == LogEvery - 1)
                    Say.Line(Line(value));
                return;
            }
            Wipe();
            Console.Error.Write(Line(value));
            _hasStatusLine = true;
        }
    }

    public void Finish(LiveResult result)
    {
        lock (_gate)
            Wipe();
        Console.Out.WriteLine(Line(result.Status));
        foreach (var output in result.Status.Outputs)
            Console.Out.WriteLine($"{output.Name}: {output.Sent} frames, {output.Dropped} dropped, opened again {output.Reopened} times");
        foreach (var encoder in result.Status.Encoders)
            Console.Out.WriteLine(
                $"encoder {encoder.Number}, {encoder.Name}: {encoder.Made} made for {string.Join(", ", encoder.Outputs)}");
    }

    public void Dispose()
    {
    }

    /// <summary>Everything that matters in one line.</summary>
    internal static string Line(LiveStatus s) => string.Create(CultureInfo.InvariantCulture,
        $"{RunText.Duration(s.Elapsed)} source {s.SourceState}, in {s.InRate:0.0} fps, new {s.NewRate:0.0} fps, out {s.OutRate:0.0} fps, "
            + $"latency {s.LatencyP50.TotalMilliseconds:0} / {s.LatencyP95.TotalMilliseconds:0} ms, "
            + $"{(s.Jitter > TimeSpan.Zero ? $"held {s.Jitter.TotalMilliseconds:0} ms, " : "")}"
            + $"sound behind {s.SoundBehind.TotalMilliseconds:0} ms, "
            + $"dropped {s.Dropped}, repeated {s.Repeated}, reconnects {s.SourceReopened}, "
            + $"outputs open {s.Outputs.Count(o => o.IsOpen)}/{s.Outputs.Count}"
            + $"{(s.Outputs.Sum(o => o.Reopened) is > 0 and var n ? $" (reopened {n})" : "")}")
        + OutputsText.Of("source", s.Link) + string.Concat(s.Outputs.Select(o => OutputsText.Of("output", o.Link)));

    private void Wipe()
    {
        if (_hasStatusLine)
            Console.Error.Write("\r\x1b[K");
        _hasStatusLine = false;
    }
}
