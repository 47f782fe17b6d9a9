namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>Where the music is, as somebody who counts it tells at that moment.</summary>
/// <param name="Beat">Beats since its beginning.</param>
/// <param name="Bpm">Beats a minute of late, for the time until the next one is told.</param>
/// <param name="IsPlaced">False where the beginning is not known: only where between two beats it is.</param>
public readonly record struct MusicPosition(double Beat, double Bpm, bool IsPlaced);
