namespace StreamDiff.Models;

/// <summary>
/// A model cannot be used as asked: a file is missing or damaged, weights do not fit, a native library is absent. The message is one line
/// for the user.
/// </summary>
public class ModelException : Exception
{
    public ModelException(string message) : base(message) { }

    public ModelException(string message, Exception inner) : base(message, inner) { }
}
