namespace StreamDiff.Transport.Media;

/// <summary>How a picture of another shape fills the asked size.</summary>
public enum FitMode
{
    /// <summary>Fills the whole picture and cuts off what sticks out, equally on both sides.</summary>
    Crop,

    /// <summary>Shows the whole source and leaves bars, which are black also where a model repaints what is between them.</summary>
    Letterbox,

    /// <summary>Fills the whole picture and distorts.</summary>
    Stretch,
}
