using System.Diagnostics;
using StreamDiff.Bench.Reports;
using StreamDiff.CommandLine;

namespace StreamDiff.Bench.Commands;

/// <summary>
/// This program once more, with the same arguments, for measurements that need a process of their own. It leaves its result in a file.
/// </summary>
internal sealed class SelfProcess : IDisposable
{
    private const string Variable = "STREAMDIFF_BENCH_CHILD";

    private readonly string _file = Path.GetTempFileName();
    private readonly Process _process;
    private readonly Task<string> _errors;

    public SelfProcess()
    {
        // Started through 'dotnet streamdiff.dll' the program itself is an argument.
        var all = Environment.GetCommandLineArgs();
        var isHosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet";
        var start = new ProcessStartInfo(Environment.ProcessPath!, isHosted ? all : all.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[Variable] = _file;
        _process = Process.Start(start)!;
        _errors = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>In the child: the file for its result; null in a process that a user started.</summary>
    public static string? ResultFile => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } file ? file : null;

    /// <summary>In the child: tells that it is ready, and waits until it may begin.</summary>
    public static void Ready()
    {
        Console.Out.WriteLine("ready");
        Console.Out.Flush();
        Console.In.ReadLine();
    }

    /// <summary>Waits until the child is ready.</summary>
    public void WaitReady()
    {
        if (_process.StandardOutput.ReadLine() is null)
            throw Failed();
    }

    /// <summary>Lets the child begin.</summary>
    public void Begin() => _process.StandardInput.WriteLine();

    /// <summary>Waits for the end of the child and gives its result.</summary>
    /// <exception cref="BenchmarkException">It failed.</exception>
    public string Result()
    {
        _process.WaitForExit();
        return _process.ExitCode == 0 ? File.ReadAllText(_file) : throw Failed();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
        File.Delete(_file);
    }

    private BenchmarkException Failed()
    {
        _process.WaitForExit();
        return new BenchmarkException($"the measured process failed: {_errors.Result.ReplaceLineEndings(" ").Trim()}");
    }
}
