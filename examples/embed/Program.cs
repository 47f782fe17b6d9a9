using StreamDiff.Models;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Media;

// Restyles a clip from a program of one's own: embed IN OUT PROMPT. Ctrl+C finishes what is in flight and leaves a playable file.
if (args is not [var input, var output, var prompt])
{
    Console.Error.WriteLine("usage: embed INPUT OUTPUT PROMPT");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) => (pressed.Cancel, _) = (true, stop.CancelAsync());

var asked = RestyleOptions.Of(input, output);
var options = asked with { Sampling = asked.Sampling with { Prompt = prompt, Steps = 1 } };
try
{
    var progress = new Progress<RestyleProgress>(p => Console.Error.Write($"\r{p.FramesOut} of {p.FramesTotal} frames "));
    var result = FileRestyle.Run(options, progress, stop.Token);
    Console.WriteLine($"\n{result.Progress.FramesOut} frames in {result.Progress.Elapsed.TotalSeconds:F1} s");
    return 0;
}
catch (Exception problem) when (problem is MediaException or ModelException)
{
    Console.Error.WriteLine($"error: {problem.Message}");
    return 1;
}
