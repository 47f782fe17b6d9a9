using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Reports;

namespace StreamDiff.Bench.Soak;

/// <summary>Another process of this machine, such as a rank, and what it held.</summary>
/// <param name="id">Its number.</param>
public sealed class WatchedProcess(int id)
{
    private readonly List<OutsideState> _samples = [];

    public int Id => id;

    public IReadOnlyList<OutsideState> Samples => _samples;

    /// <summary>Looks at it now.</summary>
    /// <exception cref="BenchmarkException">It has ended.</exception>
    public void Sample()
    {
        try
        {
            _samples.Add(OutsideState.Of(id));
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or IOException)
        {
            throw new BenchmarkException($"process {id}, which is watched, has ended");
        }
    }
}
