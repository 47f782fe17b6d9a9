using System.CommandLine;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;
using StreamDiff.Server.Security;
using StreamDiff.Server.Storage;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff key</c>: who may use a studio.</summary>
internal sealed class KeyCommand : Command
{
    private static readonly (string Text, Role Value)[] Roles =
        [("admin", Role.Admin), ("operator", Role.Operator), ("viewer", Role.Viewer)];

    public KeyCommand()
        : base("key", "Make keys for a studio, list them, and take them away; a studio that runs knows at once.")
    {
        Add(new AddCommand());
        Add(new ListCommand());
        Add(new RemoveCommand());
    }

    private static Argument<string> NameArgument() => new("NAME") { Description = "Of whoever has the key." };

    private static KeyFile File(ParseResult parse, Option<string?> data) => new(parse.GetValue(data) ?? StudioFolder.Default);

    private sealed class AddCommand : Command
    {
        private readonly Argument<string> _name = NameArgument();
        private readonly Option<string?> _data = HttpOptions.DataOption();
        private readonly Option<string> _role = new("--role")
        {
            HelpName = "ROLE",
            Description = "admin (everything), operator (begins, steers and stops sessions; no files of the machine) or viewer. Default: "
                + "viewer.",
            DefaultValueFactory = _ => "viewer",
        };

        private readonly Option<string[]> _sessions = new("--session")
        {
            HelpName = "NAME",
            Description = "For this session only; a star at its end for all that begin so. Several times: all of them. Default: all "
                + "sessions.",
        };

        public AddCommand()
            : base("add", "Make a key. It is printed this once and kept as a hash. Example: streamdiff key add alice --role operator")
        {
            Add(_name);
            Add(_role);
            Add(_sessions);
            Add(_data);
            SetAction(Run);
        }

        private int Run(ParseResult parse)
        {
            var name = parse.GetRequiredValue(_name);
            var problems = new List<string>();
            if (!StudioFolder.IsName(name))
                problems.Add($"the name of a key has letters, digits, dots, hyphens and underscores, 64 at most, not '{name}'");
            var role = Roles.FirstOrDefault(r => r.Text == parse.GetValue(_role)).Value;
            if (role == Role.None)
                problems.Add($"role must be admin, operator or viewer, not {parse.GetValue(_role)}");
            var sessions = parse.GetValue(_sessions) is { Length: > 0 } given ? given : null;
            if (sessions is not null && role == Role.Admin)
                problems.Add("session has no meaning for an admin, who may do everything: --role operator");
            if (problems.Count > 0)
                return Usage.Report(problems, "key add");
            var key = File(parse, _data).Add(name, role, sessions);
            Say.Line($"the key of {name}, which is not told again:");
            Console.Out.WriteLine(key);
            return ExitCode.Ok;
        }
    }

    private sealed class ListCommand : Command
    {
        private readonly Option<string?> _data = HttpOptions.DataOption();

        public ListCommand()
            : base("list", "Show who has a key, and what it is for.")
        {
            Add(_data);
            SetAction(parse =>
            {
                foreach (var key in File(parse, _data).All)
                    Console.Out.WriteLine(
                        $"{key.Name}  {key.Role.ToString().ToLowerInvariant()}"
                            + (key.Sessions is null ? "" : $"  {string.Join(", ", key.Sessions)}"));
                return ExitCode.Ok;
            });
        }
    }

    private sealed class RemoveCommand : Command
    {
        private readonly Argument<string> _name = NameArgument();
        private readonly Option<string?> _data = HttpOptions.DataOption();

        public RemoveCommand()
            : base("remove", "Take a key away: it opens nothing from now on.")
        {
            Add(_name);
            Add(_data);
            SetAction(parse =>
            {
                var name = parse.GetRequiredValue(_name);
                if (File(parse, _data).Remove(name))
                    return ExitCode.Ok;
                Say.Error($"there is no key named {name}");
                return ExitCode.Failed;
            });
        }
    }
}
