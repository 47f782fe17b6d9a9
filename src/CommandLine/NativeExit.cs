using System.Runtime.InteropServices;

namespace StreamDiff.CommandLine;

/// <summary>Ends the process without anything that libraries do at its end.</summary>
internal static partial class NativeExit
{
    /// <summary>Ends it with this code unless it has ended by itself after so long.</summary>
    public static void After(TimeSpan time, int code)
    {
        try
        {
            new Thread(() =>
            {
                using var never = new ManualResetEventSlim();
                never.Wait(time);
                Now(code);
            })
            { Name = "streamdiff end", IsBackground = true }.Start();
        }
        catch (OutOfMemoryException)
        {
            // No room for a thread: then none of the others gets on either.
            Now(code);
        }
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Now(int code);
}
