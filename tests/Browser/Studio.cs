using System.Diagnostics;
using StreamDiff.Server.Security;
using StreamDiff.Testing;

namespace StreamDiff.Browser.Tests;

/// <summary>The built command <c>streamdiff studio</c>, as a user starts it, on a free port.</summary>
internal sealed class Studio : IDisposable
{
    private const string Announcement = "studio: ";
    private readonly TempFolder _folder;
    private readonly List<string> _lines = [];
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Studio(params string[] more)
        : this(keepsTimeCode: false, more)
    {
    }

    /// <summary>One that asks for keys, and has one.</summary>
    /// <param name="key">An operator's.</param>
    /// <param name="more">More of the command line.</param>
    public static Studio Locked(out string key, params string[] more)
    {
        var folder = new TempFolder();
        key = new KeyFile(folder["data"]).Add("operator", Role.Operator, null);
        return new Studio(keepsTimeCode: false, folder, ["--require-key", .. more]);
    }

    /// <param name="keepsTimeCode">True carries a pixel code around the model, which would paint over it.</param>
    /// <param name="more">More of the command line.</param>
    public Studio(bool keepsTimeCode, params string[] more)
        : this(keepsTimeCode, new TempFolder(), more)
    {
    }

    private Studio(bool keepsTimeCode, TempFolder folder, string[] more)
    {
        _folder = folder;
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "streamdiff"),
            ["studio", "--http", "127.0.0.1:0", "--data", _folder["data"], .. more])
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
