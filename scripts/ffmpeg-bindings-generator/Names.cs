namespace StreamDiff.BindingsGenerator;

internal static class Names
{
    private static readonly HashSet<string> Keywords = ["in", "out", "ref", "params", "string", "object", "event", "lock", "base", "this", "is", "as", "checked", "delegate", "override", "decimal", "internal", "fixed", "new", "class", "namespace", "operator", "private", "public", "abstract"];

    public static string Escape(string name) => Keywords.Contains(name) ? "@" + name : name;
}
