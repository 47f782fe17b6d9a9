using System.Diagnostics;
using StreamDiff.Testing;

namespace StreamDiff.Browser.Tests;

/// <summary>The built command <c>streamdiff studio</c>, as a user starts it, on a free port.</summary>
internal sealed class Studio : IDisposable
{
    private const string Announcement = "studio: ";
    private readonly TempFolder _folder = new();
    private readonly List<string> _lines = [];
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Studio(params string[] more)
        : this(keepsTimeCode: false, more)
    {
    }

    /// <param name="keepsTimeCode">True carries a pixel code around the model, which would paint over it.</param>
    /// <param name="more">More of the command line.</param>
    public Studio(bool keepsTimeCode, params string[] more)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "streamdiff"),
            ["studio", "--http", "127.0.0.1:0", "--data", Data, .. more])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var name in start.Environment.Keys.Where(k => k.EndsWith("_proxy", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        if (keepsTimeCode)
            start.Environment["STREAMDIFF_KEEP_TIME_CODE"] = "1";
        Process = Process.Start(start)!;
        Process.OutputDataReceived += (_, line) => Take(line.Data);
        Process.ErrorDataReceived += (_, line) => Take(line.Data);
        Process.Exited += (_, _) => _address.TrySetException(new InvalidOperationException($"the studio ended:\n{Said}"));
        Process.EnableRaisingEvents = true;
        Process.BeginOutputReadLine();
        Process.BeginErrorReadLine();
    }

    /// <summary>What it keeps.</summary>
    public string Data => _folder["data"];

    public Process Process { get; }

    /// <summary>Where it is; when it has told.</summary>
    public Task<Uri> Address => _address.Task;

    /// <summary>All that it said.</summary>
    public string Said
    {
        get
        {
            lock (_lines)
                return string.Join('\n', _lines);
        }
    }

    public void Dispose()
    {
        Process.StandardInput.WriteLine("quit");
        if (!Process.WaitForExit(TimeSpan.FromMinutes(1)))
            Process.Kill();
        Process.Dispose();
        _folder.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null)
            return;
        lock (_lines)
            _lines.Add(line);
        if (line.IndexOf(Announcement, StringComparison.Ordinal) is >= 0 and var at
            && Uri.TryCreate(line[(at + Announcement.Length)..].Trim(), UriKind.Absolute, out var address))
            _address.TrySetResult(address);
    }
}
