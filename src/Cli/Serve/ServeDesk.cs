using System.Text;
using StreamDiff.Cli.Control;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Serve;

/// <summary>Commands of a server on standard input, one a line.</summary>
/// <param name="server">Where sessions begin and end.</param>
/// <param name="options">What a session has where its line says nothing else.</param>
/// <param name="file">The sessions file that the server began with; null for none.</param>
/// <param name="log">Takes what the user is told.</param>
/// <param name="quit">Ends the server.</param>
/// <param name="restarts">Sessions that begin again by themselves.</param>
internal sealed class ServeDesk(
    SessionServer server, RestyleOptions options, string? file, IServeLog log, Action quit, SessionRestarts restarts)
{
    /// <summary>All commands, a line each.</summary>
    public static IReadOnlyList<string> Help { get; } =
    [
        "start NAME --input X --output Y [--prompt \"TEXT\"] [--deadline MS] [--fps N] ...   a new session",
        "stop NAME                             end it; its outputs are closed",
        "list                                  a line for each session",
        "NAME prompt \"TEXT\" [blend N] ...      a change to a session, as 'streamdiff run --control stdin' takes it",
        "help, quit                            this list; end everything",
    ];

    /// <summary>Reads until the input ends or somebody quits.</summary>
    public void Read(TextReader input)
    {
        while (ControlDesk.ReadLine(input) is { } line)
        {
            try
            {
                if (!Do(line))
                    return;
            }
            catch (Exception e) when (e is FormatException or ControlException or ModelException or Transport.Media.MediaException)
            {
                log.Say(e.Message, isError: true);
            }
            catch (ObjectDisposedException)
            {
                // The server is ending.
                return;
            }
        }
    }

    // False at the end.
    private bool Do(string line)
    {
        if (line.Length > ControlLine.LongestLine)
            throw new FormatException($"the line has {line.Length} characters, at most {ControlLine.LongestLine} are read");
        var words = Words(line);
        switch (words)
        {
            case [] or ["#", ..]:
                break;
            case ["help"]:
                foreach (var text in Help)
                    log.Say(text);
                break;
            case ["quit"]:
                quit();
                return false;
            case ["list"]:
                log.Status(server);
                break;
            case ["start", var name, .. var rest]:
                Start(name, rest);
                break;
            case ["stop", var name]:
                // One that waits for its next beginning is none that runs.
                if (!(restarts.Forget(name) | server.Stop(name)))
                    throw new FormatException($"there is no session named {name}");
                break;
            case ["start" or "stop", ..]:
                throw new FormatException($"{words[0]} needs the name of a session");
            default:
                Change(words[0], line.TrimStart()[words[0].Length..]);
                break;
        }
        return true;
    }

    private void Start(string name, string[] words)
    {
        var values = new List<(string Name, string Text)> { ("name", name) };
        for (var i = 0; i < words.Length; i += 2)
        {
            if (!words[i].StartsWith("--", StringComparison.Ordinal) || i + 1 == words.Length)
                throw new FormatException($"'{words[i]}' must be an option and its value, such as --prompt \"a watercolor\"");
            values.Add((words[i][2..], words[i + 1]));
        }
        var given = new GivenOptions(OptionUse.Session);
        foreach (var option in values.GroupBy(v => v.Name))
            given.Give(option.Key, [.. option.Select(v => v.Text)]);
        var check = SessionReader.Read(options, given, FileUse.Reads(("sessions file", file)));
        foreach (var problem in check.Problems)
            log.Say(problem.At($"session {name}:"), isError: true);
        if (check.Plan is not { } plan)
            return;
        foreach (var note in check.Notes)
            log.Say($"note: session {name}: {note}");
        var opening = server.StartAsync(plan.Name, plan.Options, plan.Slo);
        // Not of one that is refused at once: the session that has the name would be begun again as that.
        restarts.Know(plan);
        Tell(opening);
    }

    // Opening takes as long as its prompt: other commands do not wait for it.
    private void Tell(Task<ServedRun> opening) => opening.ContinueWith(
        failed =>
        {
            // Where the server is ending, nobody asks.
            if (failed.Exception!.InnerException is { } problem and not ObjectDisposedException)
                log.Say(Failure.Describe(problem), isError: true);
        },
        CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    private void Change(string name, string command)
    {
        if (server.ControlsOf(name) is not { } controls)
            throw new FormatException($"'{name}' is no command and no session: there are start, stop, list, help, quit");
        controls.Apply(ControlLine.ParseChange(command));
    }

    /// <summary>Words at spaces; in double quotes a word holds spaces, and a backslash takes the next character as it is.</summary>
    internal static string[] Words(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var (isWord, isQuoted) = (false, false);
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (c == '"')
                (isQuoted, isWord) = (!isQuoted, true);
            else if (c == '\\' && isQuoted && i + 1 < line.Length)
                word.Append(line[++i]);
            else if (!char.IsWhiteSpace(c) || isQuoted)
                (isWord, _) = (true, word.Append(c));
            else if (isWord)
            {
                words.Add(word.ToString());
                word.Clear();
                isWord = false;
            }
        }
        if (isQuoted)
            throw new FormatException("a double quote has no end");
        if (isWord)
            words.Add(word.ToString());
        return [.. words];
    }
}
