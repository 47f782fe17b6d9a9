namespace StreamDiff.Server.Security;

/// <summary>What somebody may do; each may do what those before may.</summary>
public enum Role
{
    /// <summary>Nothing but what is open to all.</summary>
    None,

    /// <summary>Watch sessions, and read how they are doing.</summary>
    Viewer,

    /// <summary>Begin, steer, record and stop sessions.</summary>
    Operator,

    /// <summary>Everything, files and devices of the machine and webhooks included.</summary>
    Admin,
}
