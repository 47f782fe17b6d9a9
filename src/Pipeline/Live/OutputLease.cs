using System.Diagnostics;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// The right to write a session's outputs, for a while and to be renewed: a worker that was stopped, or that nobody heard of, comes back to
/// find that it has no right any more, whatever it believes. Its time is the machine's monotonic clock, which goes on while a process is
/// stopped. All members may be used from any thread.
/// </summary>
public sealed class OutputLease
{
    private long _until = Stopwatch.GetTimestamp();

    /// <summary>True while outputs may be opened and written.</summary>
    public bool Holds => Stopwatch.GetTimestamp() < Interlocked.Read(ref _until);

    /// <summary>Renews it.</summary>
    /// <param name="asked">When the renewal was asked for, by <see cref="Stopwatch.GetTimestamp"/>: who grants it counts from later
    /// on.</param>
    /// <param name="length">How long it holds from there.</param>
    public void Renew(long asked, TimeSpan length) =>
        Interlocked.Exchange(ref _until, asked + (long)(length.TotalSeconds * Stopwatch.Frequency));

    /// <summary>Gives it back, for good unless it is renewed.</summary>
    public void End() => Interlocked.Exchange(ref _until, long.MinValue);
}
