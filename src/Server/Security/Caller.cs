using Microsoft.AspNetCore.Http;

namespace StreamDiff.Server.Security;

/// <summary>Who sent a request.</summary>
/// <param name="Name">Name of the key; "local" where none is needed.</param>
/// <param name="Role">What it may do.</param>
/// <param name="Sessions">Names of the sessions that it is for, a star at the end for all that begin so; null for all.</param>
public sealed record Caller(string Name, Role Role, IReadOnlyList<string>? Sessions = null)
{
    private static readonly object Item = new();

    /// <summary>Somebody who gave no key.</summary>
    public static Caller Nobody { get; } = new("nobody", Role.None);

    /// <summary>Somebody on this machine, where no key is needed.</summary>
    public static Caller Local { get; } = new("local", Role.Admin);

    /// <summary>A front of the fleet that this studio works for, on behalf of somebody.</summary>
    public static Caller Fleet { get; } = new("fleet", Role.Admin);

    /// <summary>True for sessions that it is for.</summary>
    public bool IsFor(string session) => Sessions is null || Sessions.Any(pattern => pattern.EndsWith('*')
        ? session.StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.Ordinal)
        : session == pattern);

    /// <summary>Who sent a request, after it was looked at.</summary>
    public static Caller Of(HttpContext context) => context.Items.TryGetValue(Item, out var caller) ? (Caller)caller! : Nobody;

    internal void Sent(HttpContext context) => context.Items[Item] = this;

    /// <summary>Lets handlers take it as a parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult<Caller?>(Of(context));
}
