"""The whole presentation of one picture as the reference computes it, for the peer of CordsNet.

The reference convolves picture or blank anew at every timestep and repeats the input-free timesteps for
every picture (cordsnet.py, forward). Run by compare.py, with the peers' folder on the path.
"""

import argparse

import torch

import cordsnet as peer

CASE = "r8_imagenet_224_presentation_200_steps"
TIMESTEPS = (100, 100)


def main():
    parser = argparse.ArgumentParser()
    peer.bench_args(parser.add_subparsers(dest="command", required=True).add_parser("bench"))
    args = parser.parse_args()
    if not peer.pick(args, CASE, 1, sum(TIMESTEPS)):
        return
    torch.set_num_threads(args.threads)
    config = peer.Cfg("imagenet", 8)
    net = peer.Net(peer.generate("final", config, 8))
    shape = (1, config.n_chan, config.img, config.img)
    size = config.n_chan * config.img * config.img
    picture = torch.from_numpy(peer.hash_uniform("bench", 1, size).reshape(shape).copy())

    def present():
        rates = net.zeros(1)
        for shown, timesteps in zip((torch.zeros_like(picture), picture), TIMESTEPS):
            for _ in range(timesteps):
                rates = net.step(rates, net.drive(shown), 0.2)
                net.readout(rates)

    with torch.no_grad():
        peer.say(args, CASE, 1, *peer.timed(present, 3), sum(TIMESTEPS))


if __name__ == "__main__":
    main()
