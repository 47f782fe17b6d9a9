using System.Diagnostics;

namespace StreamDiff.Server.Traces;

/// <summary>Traces of what takes long: opening and stopping a session.</summary>
internal static class StudioTraces
{
    public const string Name = "StreamDiff.Studio";

    private static readonly ActivitySource Source = new(Name);

    /// <summary>Begins a span; null where nobody looks on.</summary>
    public static Activity? Begin(string what, string session) => Source.StartActivity(what)?.SetTag("streamdiff.session", session);
}
