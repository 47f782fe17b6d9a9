using System.Globalization;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Pipeline.Runs;

/// <summary>A recorded session that is to be run again.</summary>
public sealed class LogReplay
{
    private readonly IReadOnlyList<LoggedChunk> _chunks;

    private LogReplay(SessionLog log)
    {
        Log = log;
        _chunks = [.. log.Chunks.Take(Following(log.Chunks))];
    }

    public SessionLog Log { get; }

    /// <summary>Reads a session's log.</summary>
    /// <exception cref="ControlException">It is none, or has no frame.</exception>
    public static LogReplay Open(string path)
    {
        var log = SessionLog.Read(path);
        return log.Chunks.Count > 0
            ? new LogReplay(log)
            : throw new ControlException($"session log {path} holds no frame: there is nothing to replay");
    }

    /// <summary>Options that repeat the session; some may be changed before <see cref="Begin"/>.</summary>
    /// <param name="input">The same frames, in a file.</param>
    /// <param name="outputs">The files to write.</param>
    /// <param name="keepsRanks">False where it is to run on other ranks, or on none: those of the session need not be there.</param>
    /// <exception cref="ControlException">A value of the log is none that this program knows.</exception>
    public RestyleOptions Options(string input, IEnumerable<string> outputs, bool keepsRanks = true) =>
        Log.Header.ToOptions(input, outputs, keepsRanks);

    /// <summary>What may make the replay another than the session, a line each.</summary>
    public IEnumerable<string> Notes(RestyleOptions options, Model model)
    {
        if (Log.Warning is not null)
            yield return Log.Warning;
        if (_chunks.Count < Log.Chunks.Count)
            yield return $"the source was opened again after chunk {_chunks.Count - 1}: the replay ends there, one file cannot hold both "
                + "parts";
        if (options.Compute.Model == Log.Header.Model
            && WeightsIdentity.Of(model, options.Compute.Vae ?? model.Config.Vae.Default, options.Compute.Loras,
                options.Compute.SplitOf(model)) != Log.Header.Weights
            && IsSame(options))
            yield return $"the weights of {model.Name} are not those of the session";
        Models.Native.LibTorch.Load();
        if (LogHeaders.Machine != Log.Header.Machine)
            yield return $"the session ran elsewhere ({Log.Header.Machine}): numbers may be rounded otherwise";
    }

    /// <summary>Prepares a run.</summary>
    /// <param name="options">As given by <see cref="Options"/>, possibly changed.</param>
    public ReplayRun Begin(RestyleOptions options) => new(options, Controls(options), IsSame(options), _chunks);

    private StreamControls Controls(RestyleOptions options)
    {
        // Another number of steps is meant for the whole take.
        var entries = Log.ToTimeline().Entries.Where(e => options.Sampling.Steps == Log.Header.Steps || e.Change is not StepsChange);
        // What shared a tick then cannot where chunks take other steps.
        var ticks = options.Sampling.Steps == Log.Header.Steps ? Log.Ticks : [];
        var recording = new Recording(_chunks, ticks, options.Sampling.Mode == DenoisingMode.TextToVideo);
        return new StreamControls(new Timeline([.. entries]), isOpenEnded: false) { Recording = recording };
    }

    // Input and output do not matter, nor how the output is encoded.
    private bool IsSame(RestyleOptions options)
    {
        var session = Log.Header.ToOptions("", [], keepsRanks: false);
        return options.Sampling == session.Sampling && options.Frame == session.Frame && options.Input.Start == session.Input.Start
            && options.Compute with { Ranks = null, Loras = [], Heads = ComputeOptions.AllHeads }
                == session.Compute with { Loras = [], Heads = ComputeOptions.AllHeads }
            // The same files wherever they lie now; that they are the same is another question.
            && Strengths(options).SequenceEqual(Strengths(session))
            && options.Compute.Heads == ComputeOptions.AllHeads == (session.Compute.Heads == ComputeOptions.AllHeads)
            && (options.Compute.Ranks?.Text ?? "") == Log.Header.Ranks;
    }

    private static IEnumerable<(string Name, double Strength)> Strengths(RestyleOptions options) =>
        options.Compute.Loras.Select(l => (l.Name, l.Strength));

    // Chunks whose frames follow each other in one file.
    private static int Following(IReadOnlyList<LoggedChunk> chunks)
    {
        var last = -1L;
        for (var i = 0; i < chunks.Count; i++)
            foreach (var number in chunks[i].Sources)
            {
                if (number <= last)
                    return i;
                last = number;
            }
        return chunks.Count;
    }
}

/// <summary>One replay: what to run, and afterwards whether it was the same.</summary>
public sealed class ReplayRun : IDisposable
{
    private readonly string _log = Path.GetTempFileName();
    private readonly bool _isSame;
    private readonly IReadOnlyList<LoggedChunk> _chunks;

    internal ReplayRun(RestyleOptions options, StreamControls controls, bool isSame, IReadOnlyList<LoggedChunk> chunks)
    {
        (Controls, _isSame, _chunks) = (controls, isSame, chunks);
        Options = options with { Control = options.Control with { Log = _log } };
    }

    public RestyleOptions Options { get; }

    public StreamControls Controls { get; }

    /// <summary>Compares the frames of the run that has ended with those of the session.</summary>
    /// <returns>The outcome in one line, and false where frames differ that should not.</returns>
    /// <exception cref="ControlException">The run left no log.</exception>
    public (string Text, bool IsAsExpected) Compare()
    {
        var made = SessionLog.Read(_log).Chunks;
        var frames = made.Sum(c => c.Sources.Length);
        if (!_isSame)
            return (Text($"{made.Count} chunks, {frames} frames with other settings than the session's: not compared"), true);
        for (var i = 0; i < Math.Min(made.Count, _chunks.Count); i++)
            if (made[i].Digest != _chunks[i].Digest || !made[i].Sources.SequenceEqual(_chunks[i].Sources))
            {
                var where = Text($"from chunk {i} on (frame {made.Take(i).Sum(c => c.Sources.Length)})");
                return ($"the pictures differ from the session's {where}: other input, weights, libtorch or processor", false);
            }
        return made.Count == _chunks.Count
            ? (Text($"{made.Count} chunks, {frames} frames: identical to the session bit for bit"), true)
            : (Text($"the first {made.Count} of {_chunks.Count} chunks are identical; the input has no more frames"), false);
    }

    public void Dispose() => File.Delete(_log);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
