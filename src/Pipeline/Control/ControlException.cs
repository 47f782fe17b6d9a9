namespace StreamDiff.Pipeline.Control;

/// <summary>A change, a timeline or a session log that cannot be followed; the message is one line for the user.</summary>
public sealed class ControlException(string message, Exception? inner = null) : Exception(message, inner);
