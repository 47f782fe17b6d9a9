using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Midi;

namespace StreamDiff.Pipeline.Control.Remote;

/// <summary>The controllers that options ask for.</summary>
public sealed class Controllers : IDisposable
{
    private readonly OscControl? _osc;
    private readonly AlsaInput? _midi;

    /// <param name="options">As checked.</param>
    /// <param name="streams">Who is steered.</param>
    /// <param name="say">Takes one line for the user; from several threads.</param>
    /// <exception cref="ControlException">An address is none.</exception>
    /// <exception cref="IOException">One of them cannot be opened; one line.</exception>
    public Controllers(ControlOptions options, SteeredStreams streams, Action<string> say)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Osc is { } listen)
        {
            _osc = new OscControl(
                OscAddress.Read("osc", listen), options.OscTo is { } to ? OscAddress.Read("osc-to", to) : null, streams, say);
            say($"osc at {_osc.Address}");
        }
        try
        {
            if (options.Midi is { } source)
                _midi = AlsaInput.Open(source == "any" ? null : source, new MidiControl(streams, TimeProvider.System).Take);
        }
        catch
        {
            _osc?.Dispose();
            throw;
        }
    }

    /// <summary>Tells of a change that took effect.</summary>
    /// <param name="session">Whose; null for that of a run.</param>
    /// <param name="applied">The change.</param>
    public void Tell(string? session, AppliedChange applied) => _osc?.Tell(session, applied);

    public void Dispose()
    {
        _midi?.Dispose();
        _osc?.Dispose();
    }
}
