namespace StreamDiff.Transport.Media.Encoded;

/// <summary>What a packet between a browser and us holds; the number is what is sent.</summary>
public enum PacketKind : byte
{
    /// <summary>A frame that needs those before it.</summary>
    Delta = 0,

    /// <summary>A frame that needs no other.</summary>
    Key = 1,

    /// <summary>Sound.</summary>
    Sound = 2,
}
