using System.CommandLine;
using System.Reflection;

namespace StreamDiff.CommandLine.Reference;

/// <summary>Commands that tell of a program's own commands; both programs have them.</summary>
public static class ReferenceCommands
{
    /// <summary>Adds <c>completion</c>, and <c>reference</c>, which only <c>scripts/reference</c> needs and which stays hidden.</summary>
    /// <param name="root">The program's commands.</param>
    /// <param name="program">Its name.</param>
    public static void AddTo(RootCommand root, string program)
    {
        root.Add(Writer("completion",
            $"Print a script that completes commands and options. Example: source <({program} completion bash)",
            "bash", ("bash", () => BashCompletion.Of(root, program)),
            ("zsh", () => "autoload -U +X bashcompinit && bashcompinit\n" + BashCompletion.Of(root, program))));
        var reference = Writer("reference", "Print all commands and options.", "markdown",
            ("markdown", () => MarkdownReference.Of(root, program)), ("man", () => ManPage.Of(root, program, Version())));
        reference.Hidden = true;
        root.Add(reference);
    }

    private static Command Writer(string name, string description, string first, params (string Name, Func<string> Text)[] forms)
    {
        var form = new Argument<string>("form")
        {
            HelpName = string.Join('|', forms.Select(f => f.Name)),
            Description = $"What to print it for. Default: {first}.",
            DefaultValueFactory = _ => first,
        };
        form.AcceptOnlyFromAmong([.. forms.Select(f => f.Name)]);
        var command = new Command(name, description) { form };
        command.SetAction(parse =>
        {
            Console.Out.Write(forms.First(f => f.Name == parse.GetValue(form)).Text());
            return ExitCode.Ok;
        });
        return command;
    }

    // Without what the build adds after it.
    private static string Version() =>
        typeof(ReferenceCommands).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?
            .InformationalVersion.Split('+')[0] ?? "";
}
