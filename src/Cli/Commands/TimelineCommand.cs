using System.CommandLine;
using System.Globalization;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff timeline</c>: what was done live as a timeline that can be edited and run again.</summary>
internal sealed class TimelineCommand : Command
{
    private readonly Argument<string> _log = new("LOG") { Description = "Session log of 'streamdiff run --log'." };
    private readonly Option<string?> _output = new("--output", "-o")
    {
        HelpName = "FILE",
        Description = "File to write. Default: standard output.",
    };

    public TimelineCommand()
        : base("timeline", "Write the changes of a recorded session as a timeline, to edit it and to run it again. Example: "
            + "streamdiff timeline take.log -o changes.txt")
    {
        Add(_log);
        Add(_output);
        SetAction(Run);
    }

    private int Run(ParseResult parse)
    {
        var path = parse.GetRequiredValue(_log);
        var clashes = FileRules.Problems([FileUse.Read("session log", path), .. FileUse.Writes(("output", parse.GetValue(_output)))]);
        if (clashes.Count > 0)
            return Usage.Report(clashes, "timeline");
        SessionLog log;
        try
        {
            log = SessionLog.Read(path);
        }
        catch (ControlException e)
        {
            return Usage.Report([e.Message], "timeline");
        }
        if (log.Warning is not null)
            Say.Error($"note: {log.Warning}");
        string[] lines = [Begin(log.Header), .. log.Changes.Select(Line)];
        if (parse.GetValue(_output) is { } file)
            WholeFile.Write(file, string.Join('\n', lines) + "\n");
        else
            foreach (var line in lines)
                Console.Out.WriteLine(line);
        return ExitCode.Ok;
    }

    private static string Begin(SessionLogHeader header) => string.Create(
        CultureInfo.InvariantCulture,
        $"# begins with {new PromptChange(header.Prompt)}, noise {header.NoiseScale}, steps {header.Steps}, seed {header.Seed}, "
            + $"sinks {header.SinkFrames} threshold {header.SinkThreshold}");

    private static string Line(AppliedChange applied) =>
        new TimelineEntry(new TimelinePoint(Frame: applied.Frame), applied.Change).ToString();
}
