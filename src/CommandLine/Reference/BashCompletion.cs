using System.CommandLine;
using System.Text;

namespace StreamDiff.CommandLine.Reference;

/// <summary>A script for bash that completes a program's commands and options; zsh takes it through its bashcompinit.</summary>
public static class BashCompletion
{
    public static string Of(RootCommand root, string program)
    {
        var function = "_" + program.Replace('-', '_');
        var entries = CommandTree.Of(root, program).ToList();
        var text = new StringBuilder($"# Completion of {program}: '{program} completion bash' wrote it.\n")
            .Append($"{function}() {{\n")
            .Append("  local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" word words=\"\"\n")
            .Append("  COMPREPLY=()\n")
            .Append("  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n")
            .Append("    case \"$path $word\" in\n");
        var paths = entries.Skip(1).Select(e => e.Words[program.Length..]).ToList();
        if (paths.Count > 0)
            text.Append($"      {string.Join(" | ", paths.Select(p => $"\"{p}\""))}) path=\"$path $word\" ;;\n");
        text.Append("    esac\n  done\n  case \"$path\" in\n");
        foreach (var entry in entries)
        {
            var names = entry.Commands.Select(c => c.Name).Concat(entry.Options.Select(o => o.Name)).Append("--help");
            text.Append($"    \"{entry.Words[program.Length..]}\") words=\"{string.Join(' ', names)}\" ;;\n");
        }
        // Files come where no word of ours fits, which is what "-o default" says.
        return text.Append("  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\n")
            .Append($"complete -o default -F {function} {program}\n").ToString();
    }
}
