using StreamDiff.Models.Cuda;

namespace StreamDiff.Models.Wan.Fused;

/// <summary>
/// Recordings by what was recorded. To make one takes as long as a few ticks: the more there are, the more often must the next one have
/// been seen. Beyond the most, the one that was not wanted for longest goes.
/// </summary>
/// <param name="kernels">Records.</param>
/// <param name="statistics">Counts.</param>
/// <param name="most">Most that are kept.</param>
/// <param name="sightings">How often it must have been seen, 2 at least: what is new to libtorch and its libraries has then been set up
/// outside of a recording.</param>
/// <param name="freely">So many are made by this rule.</param>
/// <param name="patience">How much more often each one beyond these must have been seen.</param>
internal sealed class Recordings(IKernels kernels, TickStatistics statistics, int most, int sightings, int freely, int patience)
{
    private const int MostSeen = 4096;

    private readonly Dictionary<string, (IRecording Recording, LinkedListNode<string> Age)> _recordings = [];
    private readonly LinkedList<string> _age = new();
    private readonly Dictionary<string, int> _seen = [];

    /// <summary>Replays what was recorded, or records it when it is time; false where neither was done.</summary>
    /// <param name="kind">Everything that decides what is recorded.</param>
    /// <param name="issue">What to record.</param>
    public bool Replay(string kind, Action issue)
    {
        if (_recordings.TryGetValue(kind, out var known))
        {
            _age.Remove(known.Age);
            _age.AddLast(known.Age);
        }
        else if (IsTime(kind) && kernels.Record(issue) is { } recording)
            known = Keep(kind, recording);
        else
            return false;
        known.Recording.Replay();
        return true;
    }

    /// <summary>Forgets all of them.</summary>
    public void Clear()
    {
        foreach (var (recording, _) in _recordings.Values)
            Forget(recording);
        _recordings.Clear();
        _age.Clear();
        _seen.Clear();
    }

    private bool IsTime(string kind)
    {
        if (_seen.Count >= MostSeen)
            _seen.Clear();
        var times = _seen.GetValueOrDefault(kind) + 1;
        _seen[kind] = times;
        return times >= sightings + patience * Math.Max(0, _recordings.Count - freely);
    }

    private (IRecording Recording, LinkedListNode<string> Age) Keep(string kind, IRecording recording)
    {
        _seen.Remove(kind);
        if (_recordings.Count >= most)
        {
            Forget(_recordings[_age.First!.Value].Recording);
            _recordings.Remove(_age.First.Value);
            _age.RemoveFirst();
        }
        statistics.Recorded++;
        statistics.RecordedBytes += recording.Bytes;
        return _recordings[kind] = (recording, _age.AddLast(kind));
    }

    private void Forget(IRecording recording)
    {
        statistics.RecordedBytes -= recording.Bytes;
        recording.Dispose();
    }
}
