using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Pipeline.Checks;

/// <summary>What <see cref="RestyleOptionsValidator"/> thinks of a run's options.</summary>
/// <param name="Options">The options to run with: as given, the size made one that the network can do.</param>
/// <param name="Model">The model, where it was found.</param>
/// <param name="Problems">What makes the run impossible, one line each; the run must not start when there is one.</param>
/// <param name="Notes">What the user should know, one line each.</param>
public sealed record RestyleCheck(RestyleOptions Options, Model? Model, IReadOnlyList<string> Problems, IReadOnlyList<string> Notes);
