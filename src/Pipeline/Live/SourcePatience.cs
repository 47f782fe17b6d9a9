using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// How long a live run waits for a source of which nothing was seen yet. What was there and went is another matter: it is always waited
/// for.
/// </summary>
/// <param name="address">The source.</param>
/// <param name="asked">See <see cref="InputOptions.WaitForSource"/>.</param>
internal sealed class SourcePatience(MediaAddress address, TimeSpan? asked)
{
    /// <summary>Servers are often started a moment after us.</summary>
    public static readonly TimeSpan Usual = TimeSpan.FromSeconds(10);

    /// <summary>How much longer to try.</summary>
    /// <param name="error">Why it did not work.</param>
    /// <param name="waited">Since the first attempt.</param>
    /// <returns>Zero when it is time to give up, <see cref="TimeSpan.MaxValue"/> for ever.</returns>
    public TimeSpan Left(MediaException error, TimeSpan waited)
    {
        // Who waits for senders outlasts wrong ones.
        if (address.WaitsForSender && error.Absence != SourceAbsence.Missing)
            return TimeSpan.MaxValue;
        if (error.Absence == SourceAbsence.None || (error.Absence == SourceAbsence.Missing && asked is null))
            return TimeSpan.Zero;
        if (asked == TimeSpan.MaxValue)
            return TimeSpan.MaxValue;
        var left = (asked ?? Usual) - waited;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>The error that ends the run: what is wrong, and how to wait longer where that may help.</summary>
    public static MediaException GivenUp(MediaException error, TimeSpan waited)
    {
        if (error.Absence == SourceAbsence.None)
            return error;
        var tried = waited.TotalSeconds < 1 ? "" : FormattableString.Invariant($" (tried for {waited.TotalSeconds:0} s)");
        return new MediaException($"{error.Message.TrimEnd('.')}{tried}; --wait-for-source waits for it.", error)
        {
            Absence = error.Absence,
        };
    }
}
