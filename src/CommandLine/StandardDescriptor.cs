using System.Runtime.InteropServices;
using System.Text;

namespace StreamDiff.CommandLine;

/// <summary>The three descriptors that a caller gives every program, as the system sees them.</summary>
internal static partial class StandardDescriptor
{
    public const int Input = 0;
    public const int Output = 1;
    public const int Error = 2;

    /// <summary>Broken pipe: nobody reads any more.</summary>
    public const int BrokenPipe = 32;

    /// <summary>No such descriptor.</summary>
    public const int NotOpen = 9;

    private const int Interrupted = 4;
    private const int TryAgain = 11;
    private const int GetFlags = 1;
    private const int CloseOnExec = 1;
    private const int CloseOnExecutionOfPipe = 0x80000;
    private const int Copy = 1030;
    private const int FirstFree = 3;
    private const int ReadOnly = 0;
    private const short CanWrite = 4;

    /// <summary>
    /// Starts the program once more with /dev/null in place of those of the three that the caller closed; does not return then. A closed
    /// one is taken by whatever is opened next, memory of the runtime or a recording, and what is told would be written into that. They can
    /// only be read: who writes results learns that nobody gets them.
    /// </summary>
    public static void Complete()
    {
        int[] missing = [.. new[] { Input, Output, Error }.Where(IsMissing)];
        if (missing.Length == 0 || Words("/proc/self/cmdline") is not { } line)
            return;
        var nothing = Open("/dev/null", ReadOnly);
        if (nothing < 0)
            return;
        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Select(e => $"{e.Key}={e.Value}");
        var (arguments, variables) = (Pointers(line), Pointers(environment.Select(Encoding.UTF8.GetBytes)));
        foreach (var descriptor in missing)
            if (descriptor != nothing && Duplicate(nothing, descriptor) < 0)
                return;
        _ = Execute("/proc/self/exe", arguments, variables);
    }

    /// <summary>Those of the descriptors that take bytes, or tell why not, within so many milliseconds.</summary>
    public static int[] Ready(int[] descriptors, int milliseconds)
    {
        var polls = Array.ConvertAll(descriptors, d => new PollEntry { Descriptor = d, Events = CanWrite });
        return Poll(polls, (nuint)polls.Length, milliseconds) <= 0 ? [] : [.. polls.Where(p => p.Returned != 0).Select(p => p.Descriptor)];
    }

    /// <summary>Writes bytes or a part of them: how many, or the system's error number as a negative number; 0 to try again.</summary>
    public static int Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        var count = Write(descriptor, ref MemoryMarshal.GetReference(bytes), (nuint)bytes.Length);
        if (count >= 0)
            return (int)count;
        var error = Marshal.GetLastPInvokeError();
        return error is Interrupted or TryAgain ? 0 : -error;
    }

    /// <summary>Waits for bytes and reads them: how many, 0 at the end, negative where it cannot be read.</summary>
    public static int Read(int descriptor, Span<byte> bytes)
    {
        while (true)
        {
            var count = Read(descriptor, ref MemoryMarshal.GetReference(bytes), (nuint)bytes.Length);
            if (count >= 0 || Marshal.GetLastPInvokeError() != Interrupted)
                return (int)count;
        }
    }

    /// <summary>
    /// Leads standard output and standard error into a pipe. Where they led before, and the pipe's end to read; null where the system gives
    /// no descriptor, and nothing has changed then. Programs that are started from here on write into the pipe too.
    /// </summary>
    public static (int Output, int Error, int Pipe)? Divert()
    {
        var ends = new int[2];
        var (output, error) = (Control(Output, Copy, FirstFree), Control(Error, Copy, FirstFree));
        if (output < 0 || error < 0 || Pipe(ends, CloseOnExecutionOfPipe) != 0)
            return null;
        _ = Duplicate(ends[1], Output);
        _ = Duplicate(ends[1], Error);
        return (output, error, ends[0]);
    }

    // What the caller gave lives through exec, so it has no such flag; what the runtime opened since has.
    private static bool IsMissing(int descriptor) => Control(descriptor, GetFlags, 0) is < 0 or CloseOnExec;

    private static List<byte[]>? Words(string path)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var words = new List<byte[]>();
            for (var start = 0; start < bytes.Length;)
            {
                var end = Array.IndexOf(bytes, (byte)0, start);
                if (end < 0)
                    end = bytes.Length;
                words.Add(bytes[start..end]);
                start = end + 1;
            }
            return words.Count > 0 ? words : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // Never freed: the program ends here, or hardly ever goes on.
    private static nint[] Pointers(IEnumerable<byte[]> words)
    {
        var pointers = new List<nint>();
        foreach (var word in words)
        {
            var memory = Marshal.AllocHGlobal(word.Length + 1);
            Marshal.Copy(word, 0, memory, word.Length);
            Marshal.WriteByte(memory, word.Length, 0);
            pointers.Add(memory);
        }
        pointers.Add(0);
        return [.. pointers];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ref byte bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, ref byte bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int Pipe([Out] int[] ends, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll([In, Out] PollEntry[] entries, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, nint[] arguments, nint[] environment);
}
