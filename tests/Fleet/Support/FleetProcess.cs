using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace StreamDiff.Fleet.Tests.Support;

/// <summary>A program that runs beside a test; ended with it.</summary>
internal sealed partial class FleetProcess : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    private FleetProcess(ProcessStartInfo start)
    {
        start.RedirectStandardError = start.RedirectStandardOutput = start.RedirectStandardInput = true;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        _process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public IReadOnlyCollection<string> Lines => [.. _lines];

    public string Text => string.Join('\n', _lines.TakeLast(40));

    /// <summary>The built command.</summary>
    public static FleetProcess Streamdiff(string folder, params string[] args) => Start(
        folder, Path.Combine(AppContext.BaseDirectory, "streamdiff"), args);

    public static FleetProcess Start(string folder, string program, params string[] args)
    {
        // Signals may be ignored by whoever started the tests; what they do here must not depend on that.
        var start = new ProcessStartInfo("env", ["--default-signal=HUP,INT,QUIT,TERM", program, .. args]) { WorkingDirectory = folder };
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("STREAMDIFF_", StringComparison.Ordinal)).ToList())
            _ = start.Environment.Remove(name);
        start.Environment["XDG_DATA_HOME"] = Path.Combine(folder, "data");
        return new FleetProcess(start);
    }

    /// <summary>Waits for a line that begins so; gives what follows.</summary>
    public async Task<string> Said(string beginning)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            if (_lines.FirstOrDefault(l => l.StartsWith(beginning, StringComparison.Ordinal)) is { } line)
                return line[beginning.Length..];
            Assert.False(HasExited, $"it ended: {Text}");
            Assert.True(patience.Elapsed < TestFleet.Patience, $"it never said '{beginning}': {Text}");
            await Task.Delay(20);
        }
    }

    /// <summary>Ends it as a crash would.</summary>
    public void Kill() => _ = Signal(Id, 9);

    /// <summary>Stops it where it stands.</summary>
    public void Pause() => Assert.Equal(0, Signal(Id, 19));

    /// <summary>Lets it go on.</summary>
    public void Continue() => Assert.Equal(0, Signal(Id, 18));

    /// <summary>Asks it to end.</summary>
    public void Terminate() => Assert.Equal(0, Signal(Id, 15));

    public async Task Ended()
    {
        using var patience = new CancellationTokenSource(TestFleet.Patience);
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"it did not end: {Text}");
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
            _process.WaitForExit();
        }
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
