namespace StreamDiff.Pipeline.Control;

/// <summary>What a line of control text asks for.</summary>
public abstract record ControlCommand
{
    private ControlCommand()
    {
    }

    /// <summary>A change to the stream.</summary>
    public sealed record Change(ControlChange Value) : ControlCommand;

    /// <summary>A list of the commands.</summary>
    public sealed record Help : ControlCommand;

    /// <summary>The end of the run.</summary>
    public sealed record Quit : ControlCommand;
}
