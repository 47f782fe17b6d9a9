using Microsoft.AspNetCore.Builder;

namespace StreamDiff.Server.Security;

/// <summary>Keys of a session that open a route besides API keys.</summary>
public enum SessionKey
{
    /// <summary>None.</summary>
    None,

    /// <summary>The play key: for who watches.</summary>
    Play,

    /// <summary>The publish key: for who sends frames.</summary>
    Publish,
}

/// <summary>What a route needs. One that says nothing needs an admin.</summary>
/// <param name="Role">At least this role; <see cref="Role.None"/> is open to all.</param>
/// <param name="Key">A key of the route's session that does as well.</param>
/// <param name="TakesKeyInQuery">True where the key may come as <c>?key=</c>: for what a browser opens without headers.</param>
public sealed record Access(Role Role, SessionKey Key = SessionKey.None, bool TakesKeyInQuery = false);

/// <summary>A route that players ask many times a second and that costs little: who has a key is not counted.</summary>
public sealed record Uncounted;

/// <summary>Says it of routes.</summary>
public static class AccessExtensions
{
    /// <summary>Needs a role.</summary>
    public static T Needs<T>(this T route, Role role, SessionKey key = SessionKey.None, bool takesKeyInQuery = false)
        where T : IEndpointConventionBuilder => route.WithMetadata(new Access(role, key, takesKeyInQuery || key != SessionKey.None));

    /// <summary>Is open to all.</summary>
    public static T IsOpen<T>(this T route)
        where T : IEndpointConventionBuilder => route.Needs(Role.None);
}
