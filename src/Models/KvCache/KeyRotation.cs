namespace StreamDiff.Models.KvCache;

/// <summary>How cached keys get their rotation in time.</summary>
public enum KeyRotation
{
    /// <summary>Stored unrotated in time, rotated when read by their place in the window: no phase jump, no end of a table.</summary>
    Relative,

    /// <summary>Stored with the rotation of their absolute frame, as the published system does.</summary>
    Published,
}
