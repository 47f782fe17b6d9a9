using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace StreamDiff.CommandLine;

/// <summary>
/// The usual help, with one default for each option: where its text names one, the parser's "[default: ...]" is left out.
/// </summary>
public sealed class HelpOnce(HelpAction help) : SynchronousCommandLineAction
{
    private const string Named = "Default: ";

    /// <summary>Gives a program this help.</summary>
    public static void For(RootCommand root)
    {
        foreach (var option in root.Options.OfType<HelpOption>())
            if (option.Action is HelpAction action)
                option.Action = new HelpOnce(action);
    }

    /// <summary>Who asks for help need not give what is required.</summary>
    public override bool ClearsParseErrors => true;

    // The program ends after its help: nobody misses the values.
    public override int Invoke(ParseResult parseResult)
    {
        foreach (var option in parseResult.CommandResult.Command.Options.Where(o =>
            o.Description?.Contains(Named, StringComparison.Ordinal) == true))
            Forget(option);
        return help.Invoke(parseResult);
    }

    private static void Forget(Option option)
    {
        switch (option)
        {
            case Option<string> text:
                text.DefaultValueFactory = null;
                break;
            case Option<int> whole:
                whole.DefaultValueFactory = null;
                break;
            case Option<double> number:
                number.DefaultValueFactory = null;
                break;
            default:
                break;
        }
    }
}
