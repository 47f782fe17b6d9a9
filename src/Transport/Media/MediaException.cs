namespace StreamDiff.Transport.Media;

/// <summary>Trouble with an input or output, for the user: the message is one line that says what, where and what to do.</summary>
public sealed class MediaException : Exception
{
    /// <summary>Creates it with its one line.</summary>
    public MediaException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it with its one line and what caused it.</summary>
    public MediaException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>For an input: whether it may be there later. Default <see cref="SourceAbsence.None"/>.</summary>
    public SourceAbsence Absence { get; init; }
}
