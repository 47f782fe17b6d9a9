using System.Runtime.InteropServices;
using StreamDiff.Models;

namespace StreamDiff.CommandLine;

/// <summary>Exit codes of the command.</summary>
public static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The work failed.</summary>
    public const int Failed = 1;

    /// <summary>The command was used wrongly; nothing was started.</summary>
    public const int Usage = 2;

    /// <summary>A live run, or a session of a server, ended and an output of it had been given nothing: it never could be opened.</summary>
    public const int NothingDelivered = 3;

    /// <summary>A session of a server failed, or was not let in, and did not run again before the server ended.</summary>
    public const int SessionFailed = 4;

    /// <summary>Added to the signal's number after Ctrl+C (2, so 130) or termination (15, so 143).</summary>
    public const int Signal = 128;
}

/// <summary>
/// The one place that turns an exception into what the user reads: a line, never a stack trace unless STREAMDIFF_DEBUG=1.
/// </summary>
public static class Failure
{
    private const string DebugVariable = "STREAMDIFF_DEBUG";

    public static int Report(Exception exception)
    {
        Say.Error(Describe(exception));
        if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
            Console.Error.WriteLine(exception);
        return ExitCode.Failed;
    }

    public static string Describe(Exception exception) => exception switch
    {
        AggregateException { InnerExceptions: [var only] } => Describe(only),
        TypeInitializationException { InnerException: { } inner } => Describe(inner),
        DllNotFoundException => $"{FirstLine(exception)}; see 'streamdiff doctor'",
        OutOfMemoryException or InsufficientMemoryException => "out of memory: use a smaller --size, a smaller model or fewer steps",
        // TorchSharp passes libtorch's own text on, a C++ stack included; its first line says it.
        ExternalException e when FirstLine(e).Contains("out of memory", StringComparison.OrdinalIgnoreCase) =>
            $"the device is out of memory: use a smaller --size, --dtype bfloat16 or a smaller model ({FirstLine(e)})",
        ExternalException e when IsOutOfMemory(FirstLine(e)) =>
            $"out of memory: use a smaller --size, a smaller model, a shorter --window or fewer --threads ({FirstLine(e)})",
        // StreamDiff's own exceptions (media, model, pipeline ...) are written for the user.
        _ when IsOurs(exception) => exception.Message,
        // A name that no file can have, from wherever it came.
        ArgumentException { ParamName: "path" or "fileName" or "filename" } => $"a file's name cannot be used: {FirstLine(exception)}",
        InsufficientExecutionStackException => "something is nested too deeply",
        UnauthorizedAccessException or IOException or InvalidDataException => FirstLine(exception),
        _ =>
            $"internal error in {Place(exception)}: {exception.GetType().Name}: {FirstLine(exception)} (set {DebugVariable}=1 for "
                + "details, and please report it)",
    };

    // libtorch's allocator on the CPU, and the system where threads or maps are asked for.
    private static bool IsOutOfMemory(string text) =>
        text.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase)
        || text.Contains("cannot allocate memory", StringComparison.OrdinalIgnoreCase)
        || text.Contains("not enough memory", StringComparison.OrdinalIgnoreCase)
        || text.Contains("bad_alloc", StringComparison.OrdinalIgnoreCase);

    private static bool IsOurs(Exception exception) =>
        exception is ModelException || exception.GetType().Namespace is { } space
            && (space == "StreamDiff" || space.StartsWith("StreamDiff.", StringComparison.Ordinal));

    private static string FirstLine(Exception exception) => exception.Message.Split('\n')[0].Trim();

    private static string Place(Exception exception)
    {
        var method = exception.TargetSite;
        return method?.DeclaringType is { } type ? $"{type.FullName}.{method.Name}" : "an unknown place";
    }
}
