namespace StreamDiff.Transport.Media;

/// <summary>A file or stream cannot be read or written as asked. The message is one line for the user: what, where, what to do.</summary>
public sealed class MediaException : Exception
{
    public MediaException(string message) : base(message) { }

    public MediaException(string message, Exception inner) : base(message, inner) { }
}
