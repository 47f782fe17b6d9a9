using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StreamDiff.Models;
using StreamDiff.Models.Files;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Nccl;
using StreamDiff.Transport.Links.Sockets;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Reaches ranks of this process directly and all others over sockets.</summary>
/// <param name="local">Ranks of this process.</param>
/// <param name="options">Secret and limits of sockets.</param>
/// <param name="identity">What ranks elsewhere must have in common with this process.</param>
public sealed class RankConnector(LocalRanks local, LinkOptions options, LinkIdentity identity) : IRankConnector
{
    public ILink Connect(string address, LinkInbox inbox, string self)
    {
        if (local.Knows(address))
            return local.Connect(address, inbox, self);
        var link = SocketCaller.Connect(address, options, identity, self);
        link.Open(inbox);
        return link;
    }

    /// <summary>Environment variable: 0 sends tensors through host memory also between GPUs that NCCL could join.</summary>
    public const string NcclVariable = "STREAMDIFF_NCCL";

    /// <summary>The same for a rank on a device: with lanes from it to the devices of neighbours, where it can have them.</summary>
    public RankConnector From(Device device) => new(local, options with { Devices = LanesOf(device) }, identity);

    /// <summary>Lanes from a device; null where it can have none.</summary>
    internal static IDeviceLanes? LanesOf(Device device)
    {
        if (device.type != DeviceType.CUDA || Environment.GetEnvironmentVariable(NcclVariable) == "0")
            return null;
        NcclLane.LookBeside(LibTorch.Load().Folder);
        return new NcclLanes(Math.Max(device.index, 0), TensorPayload.AllocatorOn(device));
    }

    /// <summary>What tells one model from another, so that ranks that do not fit together notice before anything is computed.</summary>
    /// <param name="model">From the catalog.</param>
    /// <param name="type">In which it computes.</param>
    /// <param name="loras">What is added to its weights; null for nothing.</param>
    /// <param name="transformer">How exactly it multiplies and how its heads are split; null for neither.</param>
    /// <exception cref="ModelException">A LoRA cannot be read.</exception>
    public static LinkIdentity IdentityOf(Model model, ScalarType type, LoraSet? loras = null, WanConfig? transformer = null)
    {
        var dit = model.Config.Dit;
        var weights = model.Config.Weights.Dit;
        if (model.PathOf(weights, out _) is { } path)
        {
            var listed = model.Manifest.Files.Where(f => model.PathOf(f).StartsWith(path, StringComparison.Ordinal))
                .Select(f => f.Sha256 ?? "").Order(StringComparer.Ordinal);
            weights += $" {Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(string.Join(' ', listed))))[..12]}";
            if (FileLength.Of(path) is { } length)
                weights += $" of {length} bytes";
        }
        if (loras is not null)
            weights += $" with {(loras.IsLive ? "live " : "")}"
                + string.Join(", ", loras.Loras.Select(l => $"{LoraSet.DigestOf(l.Choice)[..12]} at {l.Choice.Strength:R}"));
        if (transformer?.HeadSplit is { } split)
            weights += $", heads {split.Digest}";
        return new LinkIdentity(
            model.Name, $"{dit.NumLayers} blocks of {dit.Dim}x{dit.FfnDim}, {dit.NumHeads} heads, text {dit.TextDim}x{dit.TextLen}",
            weights, transformer?.Float8 == true ? $"{type}, products in float8" : type.ToString());
    }

    /// <summary>Options of a caller.</summary>
    /// <exception cref="ModelException">A file cannot be read, or holds no secret.</exception>
    public static LinkOptions CallerOptions(string? secretFile, string? authority)
    {
        var options = new LinkOptions { Secret = RankSecret.Read(secretFile) };
        if (authority is null)
            return options;
        try
        {
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(authority);
            return options with { TrustedCertificates = trusted };
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{authority} is no certificate that can be read: {e.Message}", e);
        }
    }
}
