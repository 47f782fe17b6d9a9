using Spectre.Console;
using Spectre.Console.Rendering;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Output;

/// <summary>A bar with text beside and below it that is redrawn in place on a terminal.</summary>
internal static class LiveBar
{
    private const int Width = 30;
    private static readonly Lock Gate = new();
    private static IAnsiConsole? _drawn;

    /// <summary>True where a bar can be drawn; otherwise lines are written.</summary>
    public static bool IsPossible =>
        !JsonLog.IsOn && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } and not "dumb";

    /// <summary>
    /// Runs the work with a bar on standard error; the function given to it redraws: share done (null: unknown), text, second line.
    /// </summary>
    public static T Run<T>(Func<Action<double?, string, string>, T> work)
    {
        Say.Above = TryWriteAbove;
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        try
        {
            return console.Live(Draw(null, "starting", "")).AutoClear(true).Start(context =>
            {
                lock (Gate)
                    _drawn = console;
                return work((share, text, below) =>
                {
                    lock (Gate)
                    {
                        context.UpdateTarget(Draw(share, text, below));
                        context.Refresh();
                    }
                });
            });
        }
        finally
        {
            lock (Gate)
                _drawn = null;
        }
    }

    /// <summary>Writes a line above the bar that is drawn. False where none is.</summary>
    public static bool TryWriteAbove(string line)
    {
        lock (Gate)
        {
            _drawn?.Write(new Text(line + "\n"));
            return _drawn is not null;
        }
    }

    private static Rows Draw(double? share, string text, string below)
    {
        var filled = (int)Math.Round((share ?? 0) * Width);
        var percent = share is { } s ? FormattableString.Invariant($"{s * 100,4:0}%") : "     ";
        var bar = new Markup(
            $"[green]{new string('━', filled)}[/][grey]{new string('━', Width - filled)}[/] {percent}  {Markup.Escape(text)}");
        return below.Length == 0 ? new Rows(bar) : new Rows((IRenderable)bar, new Markup($"[grey]{Markup.Escape(below)}[/]"));
    }
}
