using System.CommandLine;
using StreamDiff.Models;
using StreamDiff.Training.Commands;

var root = new RootCommand("Makes the small default model: trains it from nothing, looks at its data, and measures what it can do.")
{
    new TrainCommand(),
    new LoraCommand(),
    new PreviewCommand(),
    new EvaluateCommand(),
    new ExportCommand(),
};
try
{
    return await root.Parse(args.Length == 0 ? ["--help"] : args)
        .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }).ConfigureAwait(false);
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("streamdiff-train: stopped; the same command goes on from here");
    return 130;
}
catch (Exception e) when (e is ModelException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"streamdiff-train: {e.Message}");
    return 1;
}
